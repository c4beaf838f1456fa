"""Every board file loads, and every contradiction in one is named by its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from utvm.boards import board_names, load_board
from utvm.boards.loader import parse_board
from utvm.errors import BoardError

DATA = Path(__file__).parents[2] / "src" / "utvm" / "boards" / "data"
F746 = (DATA / "stm32f746-disco.toml").read_text(encoding="utf-8")
WITHOUT_HOSTED = F746[: F746.index("[hosted]")]
G0B1 = (DATA / "nucleo-g0b1re.toml").read_text(encoding="utf-8")


def test_the_five_boards_are_there() -> None:
    assert board_names("virtual") == [
        "nucleo-g0b1re",
        "nucleo-h7a3zi-q",
        "nucleo-l4r5zi",
        "nucleo-u575zi-q",
        "stm32f746-disco",
    ]


def test_the_host_and_the_machines_of_qemu_are_there() -> None:
    assert board_names("arena") == ["host"]
    machines = [load_board(name).qemu for name in board_names("qemu")]
    assert sorted(qemu.machine for qemu in machines if qemu) == [
        "microbit",
        "mps2-an385",
        "mps2-an386",
        "mps2-an500",
        "mps2-an505",
        "mps3-an547",
        "virt",
    ]


@pytest.mark.parametrize("name", board_names())
def test_a_board_is_named_like_its_file(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    if board.hosted.comms == "virtual":
        assert board.region(board.placement.code).kind == "flash"


# Totals from the chips' reference manuals: flash, and RAM without backup SRAM.
@pytest.mark.parametrize(
    ("name", "clock_mhz", "flash_kib", "ram_kib"),
    [
        ("stm32f746-disco", 216, 1024, 16 + 64 + 240 + 16),
        ("nucleo-l4r5zi", 120, 2048, 192 + 64 + 384),
        ("nucleo-u575zi-q", 160, 2048, 192 + 64 + 512 + 16),
        ("nucleo-g0b1re", 64, 512, 144),
        ("nucleo-h7a3zi-q", 280, 2048, 64 + 128 + 1024 + 128 + 32),
    ],
)
def test_memory_totals(name: str, clock_mhz: int, flash_kib: int, ram_kib: int) -> None:
    board = load_board(name)
    assert board.clock_hz == clock_mhz * 1_000_000
    assert sum(region.size_bytes for region in board.regions if region.kind == "flash") == flash_kib * 1024
    assert sum(region.size_bytes for region in board.regions if region.kind == "ram") == ram_kib * 1024


def test_a_users_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(F746.replace('name = "stm32f746-disco"', 'name = "mine"'), encoding="utf-8")
    assert load_board(str(path)).name == "mine"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"none\.toml: cannot be read"):
        load_board(str(tmp_path / "none.toml"))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BoardError, match=r"no board is named 'nucleo'.*nucleo-g0b1re.*\.toml file"):
        load_board("nucleo")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[core]", "[core", r"not valid TOML.*line"),
        ("title = ", "titel = ", r"titel: Extra inputs"),
        ("title = ", "titel = ", r"title: Field required"),
        ("clock_hz = 216_000_000", 'clock_hz = "216 MHz"', r"clock_hz: .*integer.*216 MHz"),
        ("clock_hz = 216_000_000", "clock_hz = 0", r"clock_hz: .*greater than 0"),
        ("dsp = true", "dsp = 1", r"core\.dsp: .*boolean"),
        ('name = "cortex-m7"', 'name = "cortex-m8"', r"core\.name: .*cortex-m8"),
        ("size_bytes = 0x4000", "size_bytes = -1", r"regions\.0\.size_bytes: .*-1"),
        ("size_bytes = 0x10_0000", "size_bytes = 0xF900_0000", r"regions\.flash: ends above"),
        ("base_addr = 0x2001_0000", "base_addr = 0x2000_8000", r"regions: dtcm ends at 0x20010000, inside sram1"),
        ('name = "sram2"', 'name = "state"', r"regions: the name 'state' is taken"),
        ('name = "sram2"', 'name = "sram1"', r"regions: two regions share the name 'sram1'"),
        ('data = "dtcm"', 'data = "ccm"', r"placement\.data: no region is named 'ccm'; there are itcm, flash"),
        ('"sram1", "sram2"]', '"sram3"]', r"placement\.arena: no region is named 'sram3'"),
        ('stack = "dtcm"', 'stack = "flash"', r"placement\.stack: region 'flash' is not RAM"),
        ('"sram1", "sram2"]', '"sram1", "dtcm"]', r"placement\.arena: a region is named twice"),
        ("stack_bytes = 2048", "stack_bytes = 2044", r"placement\.stack_bytes: 2044 is not a multiple of 8"),
        ("stack_bytes = 2048", "stack_bytes = 0x1_0008", r"placement\.stack_bytes: larger than region 'dtcm'"),
        ("stack_bytes = 2048", "stack_bytes = 16", r"placement\.stack_bytes: .*256"),
        ('kind = "flash"', 'kind = "flash"\nexecutable = false', r"placement\.code: region 'flash' is not executable"),
        ('"dwt"', '"mcycle"', r"core\.cycle_counter: mcycle is not a counter of cortex-m7"),
        ("dsp = true", "dsp = true\nmve = true", r"core\.mve: cortex-m7 has no MVE"),
        ("-mcpu=cortex-m7", "-mcpu=cortex-m4", r"toolchain\.gcc_flags: -mcpu=cortex-m7 is missing"),
        ("-mfpu=fpv5-sp-d16", "-mfpu=fpv5-d16", r"toolchain\.gcc_flags: -mfpu=fpv5-sp-d16 is missing"),
        ("-mfloat-abi=hard", "-mfloat-abi=soft", r"toolchain\.gcc_flags: -mfloat-abi=hard and .* belong together"),
        ("cortex_m7+fp_armv8d16sp", "cortex_m7", r"toolchain\.zig_cpu: \+fp_armv8d16sp is missing"),
        ("cortex_m7+fp", "cortex_m4+fp", r"toolchain\.zig_cpu: 'cortex_m4' is not 'cortex_m7'"),
        ('fpu = "fpv5-sp-d16"', "", r"toolchain\.zig_target: .*core\.fpu names none"),
    ],
)
def test_a_wrong_key_is_named(old: str, new: str, message: str) -> None:
    text = F746.replace(old, new, 1)
    assert text != F746
    with pytest.raises(BoardError, match=r"(?s)mine\.toml: .*" + message):
        parse_board(text, "mine.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("reserved_addr = 0x203F_F000", "reserved_addr = 0x2000_1000", r"qemu\.reserved_addr: .*inside region sram"),
        ("[qemu]", "[qemu_]", r"qemu_: Extra inputs"),
        ('emulator = "qemu-system-arm"', 'emulator = "qemu"', r"qemu\.emulator: "),
    ],
)
def test_a_wrong_machine_of_qemu_is_named(old: str, new: str, message: str) -> None:
    text = (DATA / "qemu-mps2-an386.toml").read_text(encoding="utf-8").replace(old, new, 1)
    with pytest.raises(BoardError, match=message):
        parse_board(text, "mine.toml")


def test_a_board_behind_qemu_says_which_machine() -> None:
    text = WITHOUT_HOSTED + '\n[hosted]\ncomms = "qemu"\n'
    with pytest.raises(BoardError, match="qemu: is needed"):
        parse_board(text, "mine.toml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"systick"', '"dwt"', r"core\.cycle_counter: cortex-m0plus has no cycle counter in a DWT"),
        ("cycle_counter", 'fpu = "fpv4-sp-d16"\ncycle_counter', r"core\.fpu: cortex-m0plus has no fpv4-sp-d16"),
    ],
)
def test_a_small_core_has_no_big_parts(old: str, new: str, message: str) -> None:
    with pytest.raises(BoardError, match=message):
        parse_board(G0B1.replace(old, new, 1), "mine.toml")


def test_all_wrong_keys_are_named_at_once() -> None:
    text = F746.replace("dsp = true", "dsp = 1").replace("clock_hz", "clock")
    with pytest.raises(BoardError) as caught:
        parse_board(text, "mine.toml")
    assert all(key in str(caught.value) for key in ("core.dsp", "clock_hz", "clock:"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ('code = ["ccm"]', r"hosted\.code: no region is named 'ccm'; there are itcm, flash"),
        ('heap = ["flash"]', r"hosted\.heap: region 'flash' is not RAM"),
        ('heap = ["dtcm", "dtcm"]', r"hosted\.heap: a region is named twice"),
        ("thumb = false", r"hosted\.thumb: cortex-m7 runs only Thumb code"),
        ("word_size_bytes = 8", r"hosted\.word_size_bytes: cortex-m7 has words of 4 bytes"),
        ('comms = "openocd"', r"hosted\.server_port: is needed for comms = 'openocd'"),
        ('comms = "uart"', r"hosted\.comms: .*uart"),
        ("server_port = 70000", r"hosted\.server_port: .*70000"),
        ('startup = "nop"', r"hosted\.startup: must define the function Reset"),
        ("section_sizes = { stack = 0x2_0000 }", r"hosted\.section_sizes\.stack: larger than region 'dtcm'"),
        ("section_sizes = { args = 1001 }", r"hosted\.section_sizes\.args: 1001 is not a multiple of 8"),
        ("section_sizes = { heap = 400_000 }", r"hosted\.section_sizes\.heap: 400,000 bytes, but all RAM is 344,064"),
        (
            "section_sizes = { heap = 200_000, workspace = 160_000 }",
            r"hosted\.section_sizes: heap 200,000, workspace 160,000 are more than all RAM of 344,064 bytes",
        ),
        ("section_sizes = { texts = 100 }", r"hosted\.section_sizes\.texts: Extra inputs"),
    ],
)
def test_a_wrong_key_of_the_hosted_table_is_named(table: str, message: str) -> None:
    with pytest.raises(BoardError, match=r"(?s)mine\.toml: .*" + message):
        parse_board(f"{WITHOUT_HOSTED}\n[hosted]\n{table}\n", "mine.toml")
