"""The host arena: memory of this computer and a process of its own, used as if they were a bare-metal device.

Device addresses are the process's addresses: each region is mapped below 4 GB, where nothing else lies, so pointers fit
32 bits and a wild one faults. The host reads and writes the same memory directly. Code runs natively, in a process of
its own: that guards against accidents, not against malice, for it may still make system calls.
"""

from __future__ import annotations

import mmap
import os
import signal
from collections.abc import Sequence

from utvm.boards import Board, Region, load_board
from utvm.errors import ArenaEnded, TransportError, TransportTimeout, UsageError
from utvm.transports.arena_process import REGISTERS, ArenaProcess, Halt, Mapping, arena_program
from utvm.transports.base import Capabilities, StopKind, StopReason, Transport

BREAKPOINT_INSTRUCTION = b"\xcc"
STACK_ALIGNMENT_BYTES = 16
RETURN_ADDRESS_BYTES = 8
ARGUMENT_REGISTERS = ("rdi", "rsi", "rdx", "rcx")
TRAP_AFTER_STEP = 2  # TRAP_TRACE of <signal.h>
SENT_BY_KERNEL = 0x80  # SI_KERNEL of <signal.h>: the processor names no address

# Host signals in GDB's numbers, which every transport uses.
GDB_SIGNALS = {
    signal.SIGILL: 4,
    signal.SIGTRAP: 5,
    signal.SIGFPE: 8,
    signal.SIGBUS: 10,
    signal.SIGSEGV: 11,
    signal.SIGSYS: 12,
}
FAULT_SIGNALS = tuple(number for number in GDB_SIGNALS if number is not signal.SIGTRAP)


class ArenaTransport(Transport):
    """A device of host memory: the RAM regions of `board`, by default those of the board file `host`.

    Opening builds the process's program at first use. Raises TransportError where this computer cannot have an arena,
    and ToolchainError where it has no C compiler.
    """

    def __init__(self, board: Board | None = None) -> None:
        super().__init__()
        board = board or load_board("host")
        if board.core.name != "host":
            raise UsageError(f"the arena runs code of this computer, not of a {board.core.name}; take the board `host`")
        self._mappings = _mappings(board.regions)
        self._program = arena_program()
        size_bytes = sum(item.size_bytes for item in self._mappings)
        self._memory_fd = os.memfd_create("utvm-arena")
        self._breakpoints: set[int] = set()
        try:
            os.ftruncate(self._memory_fd, size_bytes)
            self._memory = mmap.mmap(self._memory_fd, size_bytes)
            try:
                self._start()
            except BaseException:
                self._memory.close()
                raise
        except BaseException:
            os.close(self._memory_fd)
            raise

    @property
    def cycles_kind(self) -> str:
        """There is no board: time is this computer's."""
        return "measured: nanoseconds of this computer, not cycles"

    @property
    def capabilities(self) -> Capabilities:
        """Breakpoints and registers; there is neither flash nor a fault status register."""
        return Capabilities(breakpoints=True, registers=True)

    def _start(self) -> None:
        self.process = ArenaProcess(self._program, self._memory_fd, self._mappings)
        self._after_reset()

    def _after_reset(self) -> None:
        """Registers as after power-up: zero, but for a stack pointer at the end of the first region."""
        first = self._mappings[0]
        self._values = dict.fromkeys(REGISTERS, 0) | {"sp": first.base_addr + first.size_bytes}
        self._fresh = True

    def _read(self, addr: int, size_bytes: int) -> bytes:
        start = self._offset(addr, size_bytes, "read")
        return self._memory[start : start + size_bytes]

    def _write(self, addr: int, data: bytes) -> None:
        start = self._offset(addr, len(data), "written")
        self._memory[start : start + len(data)] = data

    def _offset(self, addr: int, size_bytes: int, what: str) -> int:
        """Where in the shared file [addr, addr + size_bytes) lies."""
        if not self.process.is_running:
            raise TransportError("the arena's process has ended; reset the transport to use it again")
        for item in self._mappings:
            if item.base_addr <= addr and addr + size_bytes <= item.base_addr + item.size_bytes:
                return item.file_offset + addr - item.base_addr
        there = ", ".join(
            f"{item.base_addr:#010x} to {item.base_addr + item.size_bytes:#010x}" for item in self._mappings
        )
        raise TransportError(f"{size_bytes} bytes at {addr:#010x} cannot be {what}; the arena has memory from {there}")

    def _execute(
        self,
        entry_addr: int,
        timeout_s: float,
        stop_addr: int | None,
        stack_addr: int | None,
        arguments: tuple[int, ...],
    ) -> StopReason:
        values = self._values
        for name, argument in zip(ARGUMENT_REGISTERS, arguments, strict=False):
            values[name] = argument & 0xFFFF_FFFF
        if stack_addr is not None or stop_addr is not None:
            top = values["sp"] if stack_addr is None else stack_addr
            # A function expects its return address below an aligned stack; without one, 0 faults on return.
            values["sp"] = top // STACK_ALIGNMENT_BYTES * STACK_ALIGNMENT_BYTES - RETURN_ADDRESS_BYTES
            self._write(values["sp"], (stop_addr or 0).to_bytes(RETURN_ADDRESS_BYTES, "little"))
        values["pc"] = entry_addr
        return self._run([] if stop_addr is None else [stop_addr], timeout_s)

    def _resume(self, until: list[int], timeout_s: float) -> StopReason:
        addresses = {*until, *self._breakpoints}
        if self._values["pc"] in addresses:
            stepped = self._stop_reason(self._let_run(timeout_s, step=True))
            if stepped.kind is not StopKind.BREAKPOINT or stepped.pc in addresses:
                return stepped
        return self._run(until, timeout_s)

    def _run(self, until: Sequence[int], timeout_s: float) -> StopReason:
        """Run with breakpoints in memory, which are there only while the core runs."""
        replaced: list[tuple[int, bytes]] = []
        try:
            for addr in sorted({*until, *self._breakpoints}):
                replaced.append((addr, self._read(addr, len(BREAKPOINT_INSTRUCTION))))
                self._write(addr, BREAKPOINT_INSTRUCTION)
            try:
                return self._stop_reason(self._let_run(timeout_s))
            except ArenaEnded as error:
                return self._ended(error)
        finally:
            for addr, data in replaced:
                start = self._place(addr)
                self._memory[start : start + len(data)] = data

    def _place(self, addr: int) -> int:
        item = next(item for item in self._mappings if 0 <= addr - item.base_addr < item.size_bytes)
        return item.file_offset + addr - item.base_addr

    def _let_run(self, timeout_s: float, *, step: bool = False) -> Halt:
        halt = self.process.run(self._values, timeout_s, step=step, reset=self._fresh)
        self._fresh = False
        self._values = dict(halt.registers)
        if halt.signal == signal.SIGUSR1:
            raise TransportTimeout(
                f"the code still ran after {timeout_s:g} s (pc was {self._values['pc']:#010x}); "
                "reset the transport to use it again"
            )
        if halt.signal == signal.SIGTRAP and halt.code != TRAP_AFTER_STEP:
            self._values["pc"] -= len(BREAKPOINT_INSTRUCTION)  # the processor has passed the breakpoint
        return halt

    def _stop_reason(self, halt: Halt) -> StopReason:
        pc, registers = self._values["pc"], dict(self._values)
        if halt.signal == signal.SIGTRAP:
            return StopReason(StopKind.BREAKPOINT, pc, GDB_SIGNALS[signal.SIGTRAP], registers)
        registers["fault_addr"] = halt.fault_addr
        number = signal.Signals(halt.signal)
        return StopReason(StopKind.FAULT, pc, GDB_SIGNALS[number], registers, _describe(halt, pc))

    def _ended(self, error: ArenaEnded) -> StopReason:
        """Code can end the process by a system call or by wrecking its stack of signals; others only from outside."""
        status = error.status
        if status is not None and status >= 0:
            return StopReason(StopKind.EXITED, 0, status, text=f"the code ended the arena's process ({status})")
        if status is not None and -status in FAULT_SIGNALS:
            return StopReason(StopKind.FAULT, 0, GDB_SIGNALS[signal.Signals(-status)], text=str(error))
        raise error

    def _registers(self) -> dict[str, int]:
        return dict(self._values)

    def _write_register(self, name: str, value: int) -> None:
        if name not in self._values:
            raise UsageError(f"the arena has no register {name!r}; it has {', '.join(REGISTERS)}")
        self._values[name] = value & (1 << 64) - 1

    def _set_breakpoint(self, addr: int) -> None:
        self._offset(addr, 1, "given a breakpoint")
        self._breakpoints.add(addr)

    def _clear_breakpoint(self, addr: int) -> None:
        self._breakpoints.discard(addr)

    def _reset(self) -> None:
        """Registers as after power-up; a process that has ended is started anew over the same memory."""
        if self.process.is_running:
            self._after_reset()
        else:
            self.process.close()
            self._start()

    def _close(self) -> None:
        self.process.close()
        self._memory.close()
        os.close(self._memory_fd)


def _mappings(regions: Sequence[Region]) -> tuple[Mapping, ...]:
    mappings: list[Mapping] = []
    offset = 0
    for region in regions:
        if region.kind != "ram":
            raise UsageError(f"region {region.name} is {region.kind}; an arena has only RAM")
        if region.base_addr % mmap.PAGESIZE or region.size_bytes % mmap.PAGESIZE:
            raise UsageError(f"region {region.name} of an arena must begin and end on pages of {mmap.PAGESIZE} bytes")
        mappings.append(Mapping(region.base_addr, region.size_bytes, offset, region.executable))
        offset += region.size_bytes
    return tuple(mappings)


def _describe(halt: Halt, pc: int) -> str:
    if halt.signal == signal.SIGFPE:
        return "division by zero, or a quotient that does not fit (SIGFPE)"
    if halt.signal == signal.SIGILL:
        return "undefined instruction (SIGILL)"
    if halt.signal == signal.SIGSEGV and halt.code == SENT_BY_KERNEL:
        return "access through a pointer that no memory can have (SIGSEGV)"
    name = signal.Signals(halt.signal).name
    if halt.fault_addr == pc:
        return f"jump to {pc:#010x}, where there is no code ({name})"
    return f"access to {halt.fault_addr:#010x}, where there is no memory (stack overflow?) ({name})"
