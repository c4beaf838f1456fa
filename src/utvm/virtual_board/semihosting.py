"""Semihosting: what firmware asks of its debugger with `bkpt 0xab` (Arm's "Semihosting for AArch32 and AArch64").

r0 is the operation, r1 its argument or the address of its arguments; the result is in r0. Files are the console and the
list of features, by which C libraries find SYS_EXIT_EXTENDED: the board reads nothing from this computer and writes
nothing to it. Time is that of the timing model, so that every run is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from utvm.virtual_board.console import Console
from utvm.virtual_board.memory import Memory, MemoryFault

BKPT_SEMIHOSTING = b"\xab\xbe"
SYS_OPEN, SYS_CLOSE, SYS_WRITEC, SYS_WRITE0, SYS_WRITE, SYS_READ, SYS_READC = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07
SYS_ISERROR, SYS_ISTTY, SYS_SEEK, SYS_FLEN, SYS_CLOCK, SYS_TIME, SYS_ERRNO = 0x08, 0x09, 0x0A, 0x0C, 0x10, 0x11, 0x13
SYS_GET_CMDLINE, SYS_HEAPINFO, SYS_EXIT, SYS_EXIT_EXTENDED, SYS_ELAPSED, SYS_TICKFREQ = (
    0x15,
    0x16,
    0x18,
    0x20,
    0x30,
    0x31,
)
APPLICATION_EXIT = 0x2_0026  # ADP_Stopped_ApplicationExit
CONSOLE_NAME, CONSOLE_HANDLE = b":tt", 1
FEATURES_NAME, FEATURES_HANDLE = b":semihosting-features", 2
FEATURES = b"SHFB\x03"  # a magic word; SYS_EXIT_EXTENDED is there, and `:tt` is standard output and standard error
FAILED = 0xFFFF_FFFF
STRING_LIMIT_BYTES = 1 << 16
EIO = 5


class Clock(Protocol):
    """The time firmware sees."""

    @property
    def cycles(self) -> int:
        """Cycles since power-up."""

    @property
    def clock_hz(self) -> int:
        """Cycles a second."""


class SemihostingExit(Exception):
    """The firmware has ended."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the firmware ended with status {status}")


class Semihosting:
    """Does what is asked. An operation that is not there gives -1, as the specification has it."""

    def __init__(self, memory: Memory, console: Console, clock: Clock) -> None:
        self._memory, self._console, self._clock = memory, console, clock
        self._position = 0  # in the features
        self._operations: dict[int, Callable[[int], int]] = {
            SYS_OPEN: self._open,
            SYS_CLOSE: lambda _: 0,
            SYS_WRITEC: lambda addr: self._print(self._memory.read(addr, 1)),
            SYS_WRITE0: lambda addr: self._print(self._string(addr)),
            SYS_WRITE: self._write,
            SYS_READ: self._read,
            SYS_READC: lambda _: FAILED,
            SYS_ISERROR: lambda addr: self._word(addr) >> 31,
            SYS_ISTTY: lambda addr: int(self._word(addr) == CONSOLE_HANDLE),
            SYS_SEEK: self._seek,
            SYS_FLEN: lambda addr: len(FEATURES) if self._word(addr) == FEATURES_HANDLE else 0,
            SYS_CLOCK: lambda _: self._ticks(100),
            SYS_TIME: lambda _: self._ticks(1),
            SYS_ERRNO: lambda _: EIO,
            SYS_GET_CMDLINE: self._command_line,
            SYS_HEAPINFO: lambda addr: self._store(self._word(addr), bytes(16)),  # zeros: the program knows better
            SYS_EXIT: self._exit,
            SYS_EXIT_EXTENDED: self._exit_extended,
            SYS_ELAPSED: lambda addr: self._store(addr, self._clock.cycles.to_bytes(8, "little")),
            SYS_TICKFREQ: lambda _: self._clock.clock_hz,
        }

    def call(self, operation: int, argument: int) -> int:
        """The value for r0. Raises SemihostingExit."""
        try:
            return self._operations[operation](argument) & 0xFFFF_FFFF
        except (KeyError, MemoryFault):
            return FAILED

    def _open(self, addr: int) -> int:
        """Only the console and the features can be opened."""
        name = self._memory.read(self._word(addr), min(self._word(addr + 8), STRING_LIMIT_BYTES))
        self._position = 0
        return {CONSOLE_NAME: CONSOLE_HANDLE, FEATURES_NAME: FEATURES_HANDLE}.get(name, FAILED)

    def _read(self, addr: int) -> int:
        """The result is the number of bytes that were not read; the console is always at its end."""
        handle, buffer, size = (self._word(addr + offset) for offset in (0, 4, 8))
        data = FEATURES[self._position :][:size] if handle == FEATURES_HANDLE else b""
        if self._store(buffer, data):
            return size
        self._position += len(data)
        return size - len(data)

    def _seek(self, addr: int) -> int:
        if self._word(addr) != FEATURES_HANDLE:
            return FAILED
        self._position = self._word(addr + 4)
        return 0

    def _write(self, addr: int) -> int:
        """The result is the number of bytes that were not written."""
        self._print(self._memory.read(self._word(addr + 4), self._word(addr + 8)))
        return 0

    def _print(self, data: bytes) -> int:
        self._console.write(data)
        return 0

    def _command_line(self, addr: int) -> int:
        """An empty one."""
        return self._store(self._word(addr), b"\0") or self._store(addr + 4, bytes(4))

    def _exit(self, reason: int) -> int:
        raise SemihostingExit(0 if reason == APPLICATION_EXIT else 1)

    def _exit_extended(self, addr: int) -> int:
        reason, status = self._word(addr), self._word(addr + 4)
        raise SemihostingExit(status & 0xFF if reason == APPLICATION_EXIT else 1)

    def _ticks(self, per_second: int) -> int:
        return self._clock.cycles * per_second // self._clock.clock_hz

    def _word(self, addr: int) -> int:
        return int.from_bytes(self._memory.read(addr, 4), "little")

    def _store(self, addr: int, data: bytes) -> int:
        if not self._memory.is_ram(addr, len(data)):
            return FAILED
        self._memory.write(addr, data)
        return 0

    def _string(self, addr: int) -> bytes:
        text = bytearray()
        while len(text) < STRING_LIMIT_BYTES and (byte := self._memory.read(addr + len(text), 1)) != b"\0":
            text += byte
        return bytes(text)
