"""The real OpenOCD, with its own stm32f7x target file, on the virtual board's JTAG door."""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.transports.conformance import TransportConformance
from utvm.errors import TransportError, TransportTimeout, UsageError
from utvm.transports import StopKind, Transport, VirtualBoardProcess
from utvm.transports.openocd import OpenOcdTransport
from utvm.transports.openocd_process import OpenOcdProcess, virtual_board_configuration
from utvm.transports.openocd_virtual import OpenOcdVirtualTransport

pytestmark = pytest.mark.openocd
DTCM, SRAM1, FLASH, ITCM, NOWHERE = 0x2000_0000, 0x2001_0000, 0x0800_0000, 0x0, 0x6000_0000
COUNT_FOREVER = bytes.fromhex("0130 fde7")  # loop: adds r0, #1; b loop
STORE_FOREVER = bytes.fromhex("0860 0130 fce7")  # loop: str r0, [r1]; adds r0, #1; b loop


class TestOpenOcd(TransportConformance):
    ram_addr: ClassVar[int] = DTCM
    unmapped_addr: ClassVar[int] = NOWHERE

    def open(self) -> Transport:
        return OpenOcdVirtualTransport()

    def break_connection(self, transport: Transport) -> None:
        assert isinstance(transport, OpenOcdVirtualTransport)
        os.kill(transport.openocd.pid, signal.SIGKILL)


@pytest.fixture
def board() -> Iterator[OpenOcdVirtualTransport]:
    with OpenOcdVirtualTransport() as transport:
        yield transport


def test_openocd_examines_the_chip_without_an_error(board: OpenOcdVirtualTransport) -> None:
    log = board.openocd.messages()
    assert "stm32f7x.cpu tap/device found: 0x5ba00477" in log
    assert "stm32f7x.bs tap/device found: 0x06449041" in log
    assert "Cortex-M7 r0p1 processor detected" in log
    assert "8 breakpoints, 4 watchpoints" in log
    assert "Error" not in log


def test_registers_of_every_kind_are_written_and_read(board: OpenOcdVirtualTransport) -> None:
    wanted = {"r0": 1, "r12": 0xFFFF_FFFF, "sp": 0x2000_1000, "lr": 0x801, "psp": 0x2000_2000, "basepri": 0x40}
    wanted |= {f"d{number}": 0x0102_0304_0506_0700 + number for number in range(16)}
    for name, value in wanted.items():
        board.write_register(name, value)
    board.command("step")  # leaves the cache: dirty registers go to the core and come back
    registers = board.registers()
    changed = {name: registers[name] for name in wanted if registers[name] != wanted[name]}
    assert changed.keys() <= {"sp"}  # the fault of stepping into nothing moves no other register
    with pytest.raises(UsageError, match="no register 'r99'"):
        board.write_register("r99", 1)


def test_floating_point_code_runs(board: OpenOcdVirtualTransport) -> None:
    board.write(0xE000_ED88, struct.pack("<I", 0xF << 20))
    board.write_register("d0", struct.unpack("<Q", struct.pack("<ff", 1.5, 2.25))[0])
    board.write(DTCM, bytes.fromhex("30ee201a 7047"))  # vadd.f32 s2, s0, s1; bx lr
    stop = board.execute(DTCM | 1, 5.0, stop_addr=DTCM + 0x100, stack_addr=DTCM + 0x1000)
    assert stop.kind is StopKind.BREAKPOINT
    assert struct.unpack("<ff", struct.pack("<Q", board.registers()["d1"]))[0] == 3.75


def test_single_steps(board: OpenOcdVirtualTransport) -> None:
    board.write(DTCM, COUNT_FOREVER)
    for name, value in {"pc": DTCM, "r0": 0, "xpsr": 1 << 24}.items():
        board.write_register(name, value)
    for expected in (DTCM + 2, DTCM, DTCM + 2, DTCM):
        board.command("step")
        assert board.registers()["pc"] == expected
    assert board.registers()["r0"] == 2


def test_a_file_is_loaded_dumped_and_verified_by_openocd_itself(board: OpenOcdVirtualTransport, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(0x4_0000)
    image, dump = tmp_path / "image.bin", tmp_path / "dump.bin"
    image.write_bytes(data)
    board.command(f"load_image {image} {SRAM1:#x} bin", timeout_s=60)
    board.command(f"dump_image {dump} {SRAM1:#x} {len(data)}", timeout_s=60)
    assert dump.read_bytes() == data
    # Its checksum algorithm runs on the core, from the work area in DTCM.
    verify = f"verify_image {image} {SRAM1:#x} bin"
    assert f"verified {len(data)} bytes" in board.command(verify, timeout_s=60)
    board.write(SRAM1 + 7777, b"wrong")
    with pytest.raises(TransportError, match="checksum mismatch"):
        board.command(verify, timeout_s=60)


def test_memory_is_read_and_written_while_the_core_runs(board: OpenOcdVirtualTransport) -> None:
    board.write(DTCM, STORE_FOREVER)
    for name, value in {"pc": DTCM, "r0": 0, "r1": SRAM1, "xpsr": 1 << 24}.items():
        board.write_register(name, value)
    board.command("resume")
    deadline = time.monotonic() + 10
    counts: set[bytes] = set()
    while len(counts) < 5 and time.monotonic() < deadline:
        counts.add(board.read(SRAM1, 4))
        board.write(SRAM1 + 0x100, len(counts).to_bytes(4, "little"))
        assert board.read(SRAM1 + 0x100, 4) == len(counts).to_bytes(4, "little")
    assert len(counts) == 5, "the core goes on counting"
    assert board.command("[target current] curstate") == "running"
    board.reset()


def test_a_watchpoint_stops_after_the_store(board: OpenOcdVirtualTransport) -> None:
    board.write(DTCM, STORE_FOREVER)
    board.command(f"wp {SRAM1:#x} 4 w")
    stop = board.execute(DTCM | 1, 5.0, arguments=(7, SRAM1))
    assert stop.pc == DTCM + 2
    assert board.read(SRAM1, 4) == bytes([7, 0, 0, 0])
    board.command(f"rwp {SRAM1:#x}")


def test_more_breakpoints_than_comparators_fall_back_to_instructions(board: OpenOcdVirtualTransport) -> None:
    code = bytes.fromhex("0130") * 12 + bytes.fromhex("7047")
    board.write(DTCM, code)
    for index in range(1, 11):
        board.set_breakpoint(DTCM + 2 * index)
    stop = board.execute(DTCM | 1, 5.0, stack_addr=DTCM + 0x1000, arguments=(0,))
    for index in range(1, 11):
        assert (stop.pc, board.registers()["r0"]) == (DTCM + 2 * index, index)
        stop = board.resume([DTCM + 24], timeout_s=5.0)
    assert stop.pc == DTCM + 24
    for index in range(1, 11):
        board.clear_breakpoint(DTCM + 2 * index)
    assert board.read(DTCM, len(code)) == code, "no breakpoint instruction is left behind"


def test_breakpoints_in_flash_use_comparators_and_survive_a_reset(board: OpenOcdVirtualTransport) -> None:
    board.load_image([(FLASH, struct.pack("<II", DTCM + 0x1000, FLASH + 9) + COUNT_FOREVER)])
    board.set_breakpoint(FLASH + 10)
    board.reset()
    assert board.registers()["pc"] == FLASH + 8
    assert board.resume(timeout_s=5.0).pc == FLASH + 10
    assert board.read(FLASH + 8, 4) == COUNT_FOREVER


def test_flash_is_programmed_by_openocds_own_algorithm(board: OpenOcdVirtualTransport) -> None:
    assert board.capabilities.flash
    big, small = random.Random(2).randbytes(70_001), b"in the same sector"
    board.load_image([(FLASH, big), (FLASH + 0x1_4000, small), (FLASH + 0x8_0003, b"odd"), (DTCM, b"ram")])
    assert board.read(FLASH, len(big)) == big
    assert board.read(FLASH + 0x1_4000, len(small)) == small
    assert board.read(FLASH + 0x8_0003, 3) == b"odd"
    assert board.read(DTCM, 3) == b"ram"
    assert board.read(FLASH + 0x1_3000, 16) == b"\xff" * 16
    assert "falling back" not in board.openocd.messages()
    board.load_image([(FLASH, b"again")])
    assert board.read(FLASH, 6) == b"again\xff", "erased before"


def test_flash_is_not_written_like_ram(board: OpenOcdVirtualTransport) -> None:
    with pytest.raises(TransportError, match=r"writing 4 bytes at 0x08000000 failed.*flash is not"):
        board.write(FLASH, b"1234")
    assert board.read(FLASH, 4) == b"\xff" * 4


@pytest.mark.parametrize("kind", ["halt", "init"])
def test_reset_commands_of_the_target_file_work(board: OpenOcdVirtualTransport, kind: str) -> None:
    board.load_image([(FLASH, struct.pack("<II", DTCM + 0x1000, FLASH + 9) + COUNT_FOREVER)])
    assert "Error" not in board.command(f"reset {kind}")
    assert board.registers()["pc"] == FLASH + 8
    assert board.registers()["sp"] == DTCM + 0x1000


def test_reset_run_runs(board: OpenOcdVirtualTransport) -> None:
    board.load_image([(FLASH, struct.pack("<II", DTCM + 0x1000, FLASH + 9) + COUNT_FOREVER)])
    board.command("reset run")
    time.sleep(0.1)
    board.command("halt")
    assert board.registers()["pc"] in (FLASH + 8, FLASH + 10)
    assert board.registers()["r0"] > 0


def test_a_fault_in_a_handler_of_the_firmware_is_traced_to_its_culprit(board: OpenOcdVirtualTransport) -> None:
    vectors = [DTCM + 0x1000] + [DTCM + 0x201] * 15
    board.write(SRAM1, struct.pack("<16I", *vectors))
    board.write(0xE000_ED08, struct.pack("<I", SRAM1))
    board.write(DTCM + 0x200, bytes.fromhex("00be"))  # the handler: bkpt
    board.write(DTCM, bytes.fromhex("00bf 0068 7047"))  # nop; ldr r0, [r0]; bx lr
    board.command("cortex_m vector_catch none")
    stop = board.execute(DTCM | 1, 5.0, stop_addr=DTCM + 0x80, stack_addr=DTCM + 0x1000, arguments=(NOWHERE,))
    assert (stop.kind, stop.pc) == (StopKind.FAULT, DTCM + 2)
    registers = board.registers()
    assert (registers["pc"], registers["r0"], registers["sp"]) == (DTCM + 2, NOWHERE, DTCM + 0x1000)


def test_a_lockup_is_a_fault(board: OpenOcdVirtualTransport) -> None:
    board.command("cortex_m vector_catch none")
    board.write(DTCM, bytes.fromhex("00de"))
    stop = board.execute(DTCM | 1, 5.0, stack_addr=DTCM + 0x1000)
    assert stop.kind is StopKind.FAULT
    assert "UNDEFINSTR" in stop.text


def test_a_hundred_and_fifty_rounds_of_run_control(board: OpenOcdVirtualTransport) -> None:
    board.write(DTCM, COUNT_FOREVER)
    for name, value in {"pc": DTCM, "r0": 0, "xpsr": 1 << 24}.items():
        board.write_register(name, value)
    for _ in range(150):
        board.command("resume")
        assert board.read(DTCM, 4) == COUNT_FOREVER
        board.command("halt")
        board.command("step")
    assert board.registers()["r0"] >= 75
    assert "Error" not in board.openocd.messages()


def test_after_a_timeout_the_core_is_halted_and_the_transport_works(board: OpenOcdVirtualTransport) -> None:
    board.write(DTCM, COUNT_FOREVER)
    with pytest.raises(TransportTimeout, match=r"pc was 0x2000000[02]"):
        board.execute(DTCM | 1, 0.05, stack_addr=DTCM + 0x1000)
    assert board.registers()["pc"] in (DTCM, DTCM + 2)
    board.write(DTCM, bytes.fromhex("7047"))
    stop = board.execute(DTCM | 1, 1.0, stop_addr=DTCM + 0x10, stack_addr=DTCM + 0x1000)
    assert stop.kind is StopKind.BREAKPOINT


def test_an_answer_that_is_late_does_not_answer_the_next_question(board: OpenOcdVirtualTransport) -> None:
    with pytest.raises(TransportTimeout, match="reset the transport"):
        board._do("sleep 500", "sleeping", 0.1)
    with pytest.raises(TransportError, match="out of step"):
        board.read(DTCM, 4)
    board.reset()
    board.write(DTCM, b"good")
    assert board.read(DTCM, 4) == b"good"


def test_openocd_killed_in_the_middle_of_a_transfer() -> None:
    with OpenOcdVirtualTransport() as transport:
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -9 {transport.openocd.pid}"])
        with pytest.raises(TransportError, match="OpenOCD has ended"):
            for _ in range(200):
                transport.write(DTCM, bytes(250_000))
        killer.wait()
        with pytest.raises(TransportError, match="Open a new transport"):
            transport.reset()


def test_board_killed_in_the_middle_of_a_transfer() -> None:
    with OpenOcdVirtualTransport() as transport:
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -9 {transport.board.pid}"])
        with pytest.raises(TransportError, match="virtual board has ended"):
            for _ in range(200):
                transport.write(DTCM, bytes(250_000))
        killer.wait()
        with pytest.raises(TransportError, match="Open a new transport"):
            transport.reset()


def test_a_server_of_ones_own_over_tcp_can_be_restarted() -> None:
    board = VirtualBoardProcess("stm32f746-disco", jtag=0)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = OpenOcdProcess(virtual_board_configuration(board.jtag_place), tcl_port=port)
    try:
        with OpenOcdTransport("127.0.0.1", server.port) as transport:
            transport.write(DTCM, b"over TCP")
            server.close()
            with pytest.raises(TransportError, match="restart OpenOCD and reset"):
                transport.read(DTCM, 8)
            server = OpenOcdProcess(virtual_board_configuration(board.jtag_place), tcl_port=port)
            transport.reset()
            assert transport.read(DTCM, 8) == b"over TCP"
    finally:
        server.close()
        board.close()


def test_two_clients_share_a_server() -> None:
    with OpenOcdVirtualTransport() as one, OpenOcdTransport(one.openocd.host, one.openocd.port) as other:
        one.write(DTCM, b"from one")
        assert other.read(DTCM, 8) == b"from one"
        other.write(DTCM, b"by other")
        assert one.read(DTCM, 8) == b"by other"


def test_a_board_with_a_cortex_m4() -> None:
    with OpenOcdVirtualTransport("nucleo-l4r5zi") as transport:
        assert "Cortex-M4" in transport.openocd.messages()
        transport.write(DTCM, bytes.fromhex("4018 7047"))
        transport.set_breakpoint(DTCM + 2)  # comparators of the older kind hold a word's address and a half of it
        stop = transport.execute(DTCM | 1, 5.0, stack_addr=DTCM + 0x1000, arguments=(40, 2))
        assert (stop.pc, transport.registers()["r0"]) == (DTCM + 2, 42)


def test_a_board_without_jtag_is_refused() -> None:
    with pytest.raises(UsageError, match=r"nucleo-g0b1re.*--via virtual"):
        OpenOcdVirtualTransport("nucleo-g0b1re")


def test_two_boards_run_side_by_side() -> None:
    with OpenOcdVirtualTransport() as one, OpenOcdVirtualTransport() as other:
        one.write(DTCM, b"one")
        other.write(DTCM, b"two")
        assert (one.read(DTCM, 3), other.read(DTCM, 3)) == (b"one", b"two")


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        (["adapter driver nonsense"], "invalid driver|nonsense"),
        (virtual_board_configuration("/no-such-folder/jtag"), "/no-such-folder/jtag"),
        (virtual_board_configuration("127.0.0.1:1"), "remote_bitbang"),
    ],
    ids=["unknown adapter", "no socket", "no port"],
)
def test_openocd_that_cannot_start_shows_its_log(configuration: list[str], message: str) -> None:
    with pytest.raises(TransportError, match=message):
        OpenOcdProcess(configuration, start_timeout_s=10)


def test_a_taken_port_is_reported(board: OpenOcdVirtualTransport) -> None:
    other = VirtualBoardProcess("stm32f746-disco", jtag=0)
    try:
        with pytest.raises(TransportError, match="in use"):
            OpenOcdProcess(virtual_board_configuration(other.jtag_place), tcl_port=board.openocd.port)
    finally:
        other.close()


def test_a_board_that_another_debugger_has_is_reported(board: OpenOcdVirtualTransport) -> None:
    with pytest.raises(TransportError, match="OpenOCD"):
        OpenOcdProcess(virtual_board_configuration(board.board.jtag_place), start_timeout_s=3)
    assert "another debugger" in board.board.messages()
    board.write(DTCM, b"mine")
    assert board.read(DTCM, 4) == b"mine"


def test_openocd_ends_with_its_parent() -> None:
    script = (
        "import os\nfrom utvm.transports.openocd_virtual import OpenOcdVirtualTransport\n"
        "t = OpenOcdVirtualTransport()\nprint(t.openocd.pid, t.board.pid, flush=True)\nos._exit(1)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(_alive(pid) for pid in pids):
        time.sleep(0.02)
    assert not any(_alive(pid) for pid in pids)


def _alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
