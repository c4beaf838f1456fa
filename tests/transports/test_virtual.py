"""The virtual board as a transport: the conformance suite, and the life of its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import ClassVar

import pytest

from tests.transports.conformance import TransportConformance
from utvm.errors import TransportError, TransportTimeout, UsageError, VirtualBoardError
from utvm.transports import StopKind, Transport, VirtualBoardProcess, VirtualBoardTransport

FLASH, DTCM = 0x0800_0000, 0x2000_0000


class TestVirtualBoard(TransportConformance):
    ram_addr: ClassVar[int] = DTCM
    unmapped_addr: ClassVar[int] = 0x6000_0000

    def open(self) -> Transport:
        return VirtualBoardTransport("stm32f746-disco")

    def break_connection(self, transport: Transport) -> None:
        assert isinstance(transport, VirtualBoardTransport)
        os.kill(transport.process.pid, signal.SIGKILL)


def test_an_image_is_loaded_into_flash_and_ram(transport: VirtualBoardTransport) -> None:
    flash, ram = bytes(range(256)) * 500 + b"tail", b"data" * 100
    transport.write(FLASH + len(flash), b"\0\0")
    transport.load_image([(FLASH, flash), (DTCM + 0x100, ram), (FLASH + 0x4_0003, b"odd")])
    assert transport.read(FLASH, len(flash)) == flash
    assert transport.read(FLASH + len(flash), 2) == b"\xff\xff", "the rest of a block is erased"
    assert transport.read(DTCM + 0x100, len(ram)) == ram
    assert transport.read(FLASH + 0x4_0003, 3) == b"odd"


def test_counters_follow_what_ran(transport: VirtualBoardTransport) -> None:
    transport.write(DTCM, bytes.fromhex("00bf 00bf 00bf 7047"))
    before = transport.instructions
    transport.execute(DTCM | 1, 5.0, stop_addr=DTCM + 0x100, stack_addr=DTCM + 0x1000)
    assert transport.instructions - before == 4
    assert transport.cycles >= 2  # two instructions a cycle at most


def test_a_limit_of_cycles_stops_the_core_once(transport: VirtualBoardTransport) -> None:
    transport.write(DTCM, bytes.fromhex("fee7"))  # b .
    before = transport.cycles
    transport.limit_cycles(1000)
    stop = transport.execute(DTCM | 1, 5.0)
    assert stop.kind is StopKind.INTERRUPTED and stop.pc == DTCM
    assert 1000 <= transport.cycles - before < 1100
    with pytest.raises(TransportTimeout):
        transport.execute(DTCM | 1, 0.2)
    transport.limit_cycles(1000)
    transport.limit_cycles(None)
    with pytest.raises(TransportTimeout):
        transport.execute(DTCM | 1, 0.2)


def test_a_fault_says_what_happened_in_words(transport: VirtualBoardTransport) -> None:
    transport.write(DTCM, bytes.fromhex("00bf 00de"))
    stop = transport.execute(DTCM | 1, 5.0)
    assert stop.kind is StopKind.FAULT
    assert "undefined instruction at pc 0x20000002" in stop.text


def test_unknown_registers_and_monitor_commands(transport: VirtualBoardTransport) -> None:
    with pytest.raises(UsageError, match="no register 'r99'"):
        transport.write_register("r99", 1)
    assert "there are" in transport.monitor("nonsense")


def test_a_wrong_board_is_named_with_those_there_are() -> None:
    with pytest.raises(VirtualBoardError, match=r"no-such-board[\s\S]*stm32f746-disco"):
        VirtualBoardProcess("no-such-board")


def test_a_board_killed_in_the_middle_of_a_transfer_is_reported() -> None:
    with VirtualBoardTransport("stm32f746-disco") as board:
        killer = subprocess.Popen(["sh", "-c", f"sleep 0.05; kill -9 {board.process.pid}"])
        with pytest.raises(TransportError, match="gone"):
            for _ in range(2000):
                board.write(DTCM, bytes(250_000))
        killer.wait()
        with pytest.raises(TransportError, match="open a new one"):
            board.reset()


def test_close_ends_the_process() -> None:
    board = VirtualBoardTransport("stm32f746-disco")
    pid = board.process.pid
    board.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_board_ends_with_its_parent() -> None:
    script = (
        "import os\nfrom utvm.transports import VirtualBoardProcess\n"
        "print(VirtualBoardProcess('stm32f746-disco').pid, flush=True)\nos._exit(1)"
    )
    pid = int(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False).stdout)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _alive(pid):
        time.sleep(0.02)
    assert not _alive(pid)


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as status:  # noqa: PTH123 (a zombie nobody reaps counts as ended)
            return status.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_two_boards_run_side_by_side() -> None:
    with VirtualBoardTransport("stm32f746-disco") as one, VirtualBoardTransport("nucleo-l4r5zi") as other:
        one.write(DTCM, b"one")
        other.write(DTCM, b"two")
        assert (one.read(DTCM, 3), other.read(DTCM, 3)) == (b"one", b"two")
