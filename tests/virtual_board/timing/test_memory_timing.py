"""Memories: what board files say, and stalls of whole programs worked out by hand."""

from __future__ import annotations

import pytest

from tests.virtual_board.timing.programs import BOARDS, FLASH, program
from utvm.boards import load_board
from utvm.boards.loader import parse_board
from utvm.errors import BoardError

LDR_R3_R7_POST_32 = (0xF857, 0x3B20)  # ldr r3, [r7], #32
STR_R3_R7_POST_32 = (0xF847, 0x3B20)
WALK = 0x0804_0000
SRAM1 = 0x2001_0000
LINES = 16


def stalls(code: tuple[int, ...], addr: int, board: str = "stm32f746-disco", runs: int = 1) -> list[int]:
    """Stall cycles of the accesses to the data at `addr`, per run; code is warm from a first run elsewhere."""
    found = program(code * LINES, load_board(board).core.name, "board", load_board(board))
    found.run(r7=0x2000_0000)
    region = next(item.name for item in load_board(board).regions if item.contains(addr))

    def total() -> int:
        statistics = {item.region: item for item in found.timing.memory_statistics()}[region]
        return statistics.read_stall_cycles + statistics.write_stall_cycles

    costs = []
    for _ in range(runs):
        before = total()
        found.run(r7=addr)
        costs.append(total() - before)
    return costs


def test_each_flash_line_is_paid_once() -> None:
    assert stalls(LDR_R3_R7_POST_32, WALK, runs=2) == [16 * LINES, 0]


def test_dtcm_is_never_waited_for() -> None:
    fast = program(LDR_R3_R7_POST_32 * LINES)
    slow = program(LDR_R3_R7_POST_32 * LINES, "cortex-m7", "board")
    slow.run(r7=0x2000_0000)
    assert slow.run(r7=0x2000_1000) == fast.run(r7=0x2000_1000)


def test_written_lines_are_written_back_when_replaced() -> None:
    found = program(STR_R3_R7_POST_32 * LINES, "cortex-m7", "board")
    for turn in range(8):  # 128 lines: the cache is full of dirty ones
        found.run(r7=SRAM1 + turn * LINES * 32)
    sram1 = {item.region: item for item in found.timing.memory_statistics()}["sram1"]
    assert sram1.write_stall_cycles == 0
    found.run(r7=SRAM1 + 8 * LINES * 32)
    sram1 = {item.region: item for item in found.timing.memory_statistics()}["sram1"]
    assert sram1.write_stall_cycles == 8 * LINES


def test_code_is_fetched_once_and_again_when_it_does_not_fit() -> None:
    small = program((0xBF00,) * 64, "cortex-m7", "board")  # 128 bytes: four lines
    assert small.run() - small.run() == 4 * 16
    large = program((0xBF00,) * 4096, "cortex-m7", "board")  # 8 KB through a cache of 4 KB
    first, second = large.run(), large.run()
    assert first == second
    assert first >= 256 * 16


def test_stalls_are_added_to_the_counter() -> None:
    zero_wait = program(LDR_R3_R7_POST_32 * LINES).run(r7=WALK)
    waited = program(LDR_R3_R7_POST_32 * LINES, "cortex-m7", "board")
    waited.run(r7=0x2000_0000)
    assert waited.run(r7=WALK) == zero_wait + 16 * LINES


def test_a_cache_that_is_forgotten_is_cold() -> None:
    found = program(LDR_R3_R7_POST_32 * LINES, "cortex-m7", "board")
    cold, warm = found.run(r7=WALK), found.run(r7=WALK)
    found.timing.forget()
    assert found.run(r7=WALK) == cold > warm


@pytest.mark.parametrize("model", sorted(BOARDS))
def test_weights_in_flash_cost_more_than_in_ram(model: str) -> None:
    board = load_board(BOARDS[model])
    ram = board.region(board.placement.data).base_addr + 0x1000
    code = (0x683B, 0x3720) * LINES  # ldr r3, [r7]; adds r7, #32
    found = program(code, model, "board")
    found.run(r7=ram)
    in_ram = found.run(r7=ram)
    assert found.run(r7=FLASH + 0x8000) > in_ram


@pytest.mark.parametrize("name", sorted(BOARDS.values()))
def test_every_board_says_what_its_flash_costs(name: str) -> None:
    board = load_board(name)
    assert "flash" in [timed.region for timed in board.memory_timing.regions]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('region = "sram2"', 'region = "sram3"', r"memory_timing\.regions\.sram3: no region has this name"),
        ('region = "sram2"', 'region = "sram1"', r"memory_timing\.regions\.sram1: the region is named twice"),
        (
            'data_cache = "dcache"',
            'data_cache = "l2"',
            r"memory_timing\.regions\.flash\.data_cache: no cache is named 'l2'",
        ),
        ("line_bytes = 32", "line_bytes = 48", r"memory_timing\.caches\.icache\.line_bytes: 48 is not a power of two"),
        (
            "size_bytes = 4096\nline_bytes = 32\nways = 2",
            "size_bytes = 32\nline_bytes = 32\nways = 2",
            r"icache: 2 ways",
        ),
        ('name = "dcache"', 'name = "icache"', r"memory_timing\.caches\.icache: two caches share this name"),
        ("read_miss_cycles = 16", "read_miss_cycles = -1", r"read_miss_cycles.*-1"),
        ("read_miss_cycles = 16", "misses = 16", r"misses: Extra inputs"),
    ],
)
def test_a_wrong_key_is_named(old: str, new: str, message: str) -> None:
    from tests.boards.test_board_files import F746

    text = F746.replace(old, new, 1)
    assert text != F746
    with pytest.raises(BoardError, match=r"(?s)mine\.toml: .*" + message):
        parse_board(text, "mine.toml")
