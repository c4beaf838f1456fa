"""What a debugger can ask of a board: the seam between the machine and the doors to it (GDB, later JTAG)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from utvm.boards import Board
from utvm.virtual_board.console import Console
from utvm.virtual_board.profile import Profiler
from utvm.virtual_board.timing import TimingChoice
from utvm.virtual_board.timing.choice import MemoryTiming


class StopKind(Enum):
    """Why a core halted."""

    RESET = "reset"
    BREAKPOINT = "breakpoint"
    STEP = "step"
    WATCHPOINT = "watchpoint"
    INTERRUPT = "interrupt"
    BUS_FAULT = "bus fault"
    UNDEFINED = "undefined instruction"
    DIVIDE_BY_ZERO = "divide by zero"
    USAGE_FAULT = "usage fault"
    LOCKUP = "lockup"
    EXITED = "exited"


@dataclass(frozen=True)
class StopEvent:
    """A halt; for a watchpoint the address and the kind of access ("read" or "write"), for an exit its status."""

    kind: StopKind
    message: str = ""
    watch_addr: int = 0
    watch_access: str = ""
    exit_status: int = 0


class DebugTarget(Protocol):
    """A halted core with memory. Every method but `request_halt` may be called only while the core is halted."""

    @property
    def board(self) -> Board:
        """The board, with its memory regions."""

    @property
    def console(self) -> Console:
        """Where the firmware's output goes."""

    @property
    def timing(self) -> TimingChoice:
        """The model that counts its cycles, and its rules."""

    @property
    def memory_timing(self) -> MemoryTiming:
        """Whether caches and wait states are counted."""

    @property
    def cycles_kind(self) -> str:
        """Both in words."""

    @property
    def profiler(self) -> Profiler:
        """Counts what basic blocks cost."""

    @property
    def register_names(self) -> Sequence[str]:
        """Registers the core has, in the order of the debugger's register numbers."""

    @property
    def register_windows(self) -> Sequence[tuple[int, int]]:
        """(base address, size in bytes) of all ranges of registers."""

    @property
    def cycles(self) -> int:
        """Cycles since power-up."""

    @property
    def instructions(self) -> int:
        """Instructions executed since power-up."""

    def read_register(self, name: str) -> int:
        """A register's value, unsigned."""

    def write_register(self, name: str, value: int) -> None:
        """Set a register."""

    def read_memory(self, addr: int, size_bytes: int) -> bytes:
        """Bytes of memory or of the private peripheral bus; MemoryFault where there is neither."""

    def write_memory(self, addr: int, data: bytes) -> None:
        """Store bytes, into flash too; MemoryFault where there is nothing."""

    def set_breakpoint(self, addr: int) -> None:
        """Halt before the instruction at an address."""

    def clear_breakpoint(self, addr: int) -> None:
        """Remove a breakpoint, if there is one."""

    def set_watchpoint(self, addr: int, size_bytes: int, access: str) -> bool:
        """Halt at a load or store ("read", "write" or "access") of a range; False if all comparators are taken."""

    def clear_watchpoint(self, addr: int, size_bytes: int, access: str) -> None:
        """Remove a watchpoint, if there is one."""

    def resume(self) -> StopEvent:
        """Run until the core halts. Blocks; `request_halt` from another thread ends it."""

    def step(self) -> StopEvent:
        """Execute one instruction."""

    def request_halt(self) -> None:
        """Make `resume` return soon; callable from any thread."""

    def forget_history(self) -> None:
        """Empty caches and untrained predictors, as after power-up."""

    def limit_cycles(self, cycles: int | None) -> None:
        """Make `resume` return when so many more cycles have passed; None takes the limit back."""

    def forget_halt_request(self) -> None:
        """Drop a halt request that came after the core had halted by itself."""

    def reset(self) -> StopEvent:
        """Reset the core and its peripherals, and halt at the reset vector. Memory is kept."""

    def attach(self) -> None:
        """A debugger is there: breakpoint instructions and faults halt the core from now on."""

    def detach(self) -> None:
        """The debugger is gone: breakpoints are removed, exceptions are taken as without one."""

    def fault_registers(self) -> dict[str, int]:
        """CFSR, HFSR, MMFAR and BFAR."""
