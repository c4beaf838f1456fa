"""What every transport must do. A transport's test module subclasses `TransportConformance` and says how to open one.

A fresh instance is given to every test. `ram_addr` is RAM of at least 304 KB unless `ram_bytes` says otherwise,
`unmapped_addr` an address without memory; `code` is the machine code of the board's instruction set.
"""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.transports.snippets import THUMB, Snippets
from utvm.errors import DeviceFault, TransportError, TransportTimeout, UsageError
from utvm.transports import StopKind, Transport, device_fault

SIZES = (0, 1, 2, 3, 4, 5, 31, 255, 256, 1023, 4096, 65_535, 65_536, 300_000)


class TransportConformance(ABC):
    ram_addr: ClassVar[int]
    ram_bytes: ClassVar[int] = 300_000
    unmapped_addr: ClassVar[int]
    code: ClassVar[Snippets] = THUMB

    @abstractmethod
    def open(self) -> Transport:
        """A new transport to a board that was just reset."""

    @abstractmethod
    def break_connection(self, transport: Transport) -> None:
        """Make the board or its server vanish."""

    @pytest.fixture
    def board(self) -> Iterator[Transport]:
        with self.open() as transport:
            yield transport

    @pytest.mark.parametrize("offset", [0, 1])
    def test_what_was_written_is_read(self, board: Transport, offset: int) -> None:
        for size in sorted({min(size, self.ram_bytes - 4) for size in SIZES}):
            data = random.Random(size).randbytes(size)
            board.write(self.ram_addr + offset, data)
            assert board.read(self.ram_addr + offset, size) == data, f"{size} bytes"

    def test_a_write_changes_nothing_around_it(self, board: Transport) -> None:
        board.write(self.ram_addr, b"\xaa" * 64)
        board.write(self.ram_addr + 13, b"\x55" * 5)
        assert board.read(self.ram_addr, 64) == b"\xaa" * 13 + b"\x55" * 5 + b"\xaa" * 46

    def test_every_byte_value_survives(self, board: Transport) -> None:
        data = bytes(range(256)) * 3 + b"}}##$$**\x03\x03"
        board.write(self.ram_addr + 3, data)
        assert board.read(self.ram_addr + 3, len(data)) == data

    @pytest.mark.parametrize(("addr", "size"), [(-1, 4), (1 << 32, 1), ((1 << 32) - 4, 5), (0, -1)])
    def test_ranges_outside_of_the_address_space_are_refused(self, board: Transport, addr: int, size: int) -> None:
        with pytest.raises(UsageError):
            board.read(addr, size)
        if size > 0:
            with pytest.raises(UsageError):
                board.write(addr, bytes(size))

    def test_memory_that_is_not_there_is_an_error_and_leaves_the_transport_usable(self, board: Transport) -> None:
        with pytest.raises(TransportError, match="0x"):
            board.read(self.unmapped_addr, 16)
        with pytest.raises(TransportError, match="0x"):
            board.write(self.unmapped_addr, bytes(16))
        board.write(self.ram_addr, b"still here")
        assert board.read(self.ram_addr, 10) == b"still here"

    def call(self, board: Transport, code: bytes, *arguments: int, timeout_s: float = 5.0) -> StopKind:
        board.write(self.ram_addr, code)
        return board.execute(
            self.ram_addr | self.code.entry_bit,
            timeout_s,
            stop_addr=self.ram_addr + 0x800,
            stack_addr=self.ram_addr + 0x1000,
            arguments=arguments,
        ).kind

    def test_a_function_is_executed_with_its_arguments(self, board: Transport) -> None:
        assert self.call(board, self.code.add, 40, 2) is StopKind.BREAKPOINT
        assert board.registers()[self.code.result] == 42
        assert board.registers()["pc"] == self.ram_addr + 0x800
        assert self.call(board, self.code.add, -1, 2) is StopKind.BREAKPOINT
        assert board.registers()[self.code.result] == 1

    def test_new_code_at_the_same_place_is_executed(self, board: Transport) -> None:
        self.call(board, self.code.add, 5, 3)
        self.call(board, self.code.subtract, 5, 3)
        assert board.registers()[self.code.result] == 2

    def test_an_endless_loop_times_out_and_reset_recovers(self, board: Transport) -> None:
        start = time.monotonic()
        with pytest.raises(TransportTimeout, match="reset"):
            self.call(board, self.code.endless, timeout_s=0.1)
        assert time.monotonic() - start < 2.5
        board.reset()
        assert self.call(board, self.code.add, 1, 2) is StopKind.BREAKPOINT

    def test_memory_survives_a_reset(self, board: Transport) -> None:
        board.write(self.ram_addr + 0x2000, b"kept")
        board.reset()
        assert board.read(self.ram_addr + 0x2000, 4) == b"kept"

    @pytest.mark.parametrize("kind", ["load_word", "undefined"])
    def test_a_fault_is_a_stop_with_a_cause_and_reset_recovers(self, board: Transport, kind: str) -> None:
        board.write(self.ram_addr, getattr(self.code, kind))
        stop = board.execute(
            self.ram_addr | self.code.entry_bit,
            5.0,
            stop_addr=self.ram_addr + 0x800,
            stack_addr=self.ram_addr + 0x1000,
            arguments=(self.unmapped_addr,),
        )
        assert (stop.kind, stop.pc) == (StopKind.FAULT, self.ram_addr)
        fault = device_fault(board, stop)
        assert isinstance(fault, DeviceFault)
        assert fault.registers["pc"] == self.ram_addr
        if board.capabilities.fault_status:
            expected = f"{self.unmapped_addr:#010x}" if kind == "load_word" else "UNDEFINSTR"
            assert expected in str(fault)
        board.reset()
        assert self.call(board, self.code.add, 1, 2) is StopKind.BREAKPOINT

    def test_resume_stops_at_breakpoints_and_passes_the_current_one(self, board: Transport) -> None:
        if not board.capabilities.breakpoints:
            with pytest.raises(UsageError, match="breakpoint"):
                board.set_breakpoint(self.ram_addr)
            return
        board.write(self.ram_addr, self.code.count)
        branch_addr = self.ram_addr + self.code.count_branch_offset
        board.set_breakpoint(branch_addr)
        stop = board.execute(
            self.ram_addr | self.code.entry_bit, 5.0, stack_addr=self.ram_addr + 0x1000, arguments=(0,)
        )
        assert (stop.pc, board.registers()[self.code.counter]) == (branch_addr, 1)
        for count in (2, 3):
            assert board.resume(timeout_s=5.0).pc == branch_addr
            assert board.registers()[self.code.counter] == count
        board.clear_breakpoint(branch_addr)
        assert board.resume([self.ram_addr], timeout_s=5.0).pc == self.ram_addr
        assert board.registers()[self.code.counter] == 3

    @pytest.mark.parametrize("timeout_s", [0, -1, float("nan")])
    def test_a_senseless_timeout_is_refused(self, board: Transport, timeout_s: float) -> None:
        with pytest.raises(UsageError, match="time-out"):
            board.execute(self.ram_addr | self.code.entry_bit, timeout_s)

    def test_a_vanished_board_is_an_error_that_says_what_to_try(self, board: Transport) -> None:
        self.break_connection(board)
        with pytest.raises(TransportError, match=r"reset|restart|open a new one"):
            board.write(self.ram_addr, bytes(100_000))
        with pytest.raises(TransportError):
            board.read(self.ram_addr, 4)

    def test_a_closed_transport_refuses_everything(self, board: Transport) -> None:
        board.close()
        board.close()
        for use in (lambda: board.read(0, 1), lambda: board.write(0, b"1"), board.reset, board.registers):
            with pytest.raises(TransportError, match="closed"):
                use()
