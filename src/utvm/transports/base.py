"""The contract of every way to a board: read, write, run, reset.

Sizes are in bytes, addresses are those of the device (0 to 2^32), time-outs are in seconds of the host's clock. A
method raises UsageError for arguments out of range before anything is sent, TransportTimeout when the board did not
answer or stop in time, and TransportError when it refused, answered nonsense or is gone. After a TransportTimeout,
`reset` makes the transport usable again. A transport is not thread-safe.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import TypeVar

from utvm.errors import TransportError, UsageError

ADDRESS_SPACE_BYTES = 1 << 32
MAX_TIMEOUT_S = 24 * 3600.0
Self = TypeVar("Self", bound="Transport")


class StopKind(Enum):
    """Why the core stopped."""

    BREAKPOINT = "breakpoint"
    FAULT = "fault"
    INTERRUPTED = "interrupted"
    EXITED = "exited"


@dataclass(frozen=True)
class StopReason:
    """A stop. `signal` is GDB's number; `registers` holds what came with the stop; `text` is what the board said."""

    kind: StopKind
    pc: int
    signal: int = 0
    registers: Mapping[str, int] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class Capabilities:
    """The optional parts of a transport. Calling one that is not there is a UsageError."""

    breakpoints: bool = False  # resume, set_breakpoint, clear_breakpoint
    registers: bool = False  # registers, write_register, and the keywords of execute
    flash: bool = False  # load_image may write flash
    fault_status: bool = False  # the fault status registers of an M-profile core can be read at a fault


class Transport(ABC):
    """An open connection to one board. Use it as a context manager, or call `close`."""

    def __init__(self) -> None:
        self._closed = False

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this transport can do beyond read, write, execute and reset."""

    @property
    def cycles_kind(self) -> str:
        """What the board's cycle counter counts, in words: those of the board itself, or of which model."""
        return "as the board counts them"

    def read(self, addr: int, size_bytes: int) -> bytes:
        """Exactly `size_bytes` bytes from `addr`; any alignment, any size from 0."""
        self._check_range(addr, size_bytes)
        if size_bytes == 0:
            return b""
        data = self._read(addr, size_bytes)
        if len(data) != size_bytes:
            raise TransportError(f"the board sent {len(data)} of {size_bytes} bytes from {addr:#010x}; reset it")
        return data

    def write(self, addr: int, data: bytes) -> None:
        """Store `data` at `addr`; any alignment, any size from 0. Flash is written by `load_image` only."""
        self._check_range(addr, len(data))
        if data:
            self._write(addr, bytes(data))

    def execute(
        self,
        entry_addr: int,
        timeout_s: float,
        *,
        stop_addr: int | None = None,
        stack_addr: int | None = None,
        arguments: Sequence[int] = (),
    ) -> StopReason:
        """Run code from `entry_addr` until it stops, and say why.

        `stop_addr` is where the function returns to: it is put into the link register and watched. Without it the code
        must end by itself, at a breakpoint set before or at a breakpoint instruction. `stack_addr` sets the stack
        pointer; up to four 32-bit `arguments` go into registers. Raises TransportTimeout when it runs longer than
        `timeout_s`.
        """
        self._check_range(entry_addr, 2)
        self._check_timeout(timeout_s)
        for addr in (stop_addr, stack_addr):
            if addr is not None:
                self._check_range(addr, 0)
        if len(arguments) > 4 or any(not -(1 << 31) <= argument < 1 << 32 for argument in arguments):
            raise UsageError(f"execute takes at most four 32-bit arguments, not {list(arguments)}")
        if stop_addr is not None or stack_addr is not None or arguments:
            self._require("registers")
        return self._execute(entry_addr, timeout_s, stop_addr, stack_addr, tuple(arguments))

    def resume(self, until: Iterable[int] = (), *, timeout_s: float) -> StopReason:
        """Go on from the current PC until one of `until` (addresses), a breakpoint set before, or a fault."""
        self._require("breakpoints")
        self._check_timeout(timeout_s)
        addresses = sorted(set(until))
        for addr in addresses:
            self._check_range(addr, 2)
        return self._resume(addresses, timeout_s)

    def registers(self) -> dict[str, int]:
        """Every register of the halted core, by lower-case name, unsigned."""
        self._require("registers")
        self._check_open()
        return self._registers()

    def write_register(self, name: str, value: int) -> None:
        """Set one register of the halted core."""
        self._require("registers")
        self._check_open()
        self._write_register(name, value)

    def set_breakpoint(self, addr: int) -> None:
        """Stop before the instruction at `addr` until the breakpoint is cleared."""
        self._require("breakpoints")
        self._check_range(addr, 2)
        self._set_breakpoint(addr)

    def clear_breakpoint(self, addr: int) -> None:
        """Remove a breakpoint; nothing happens if there is none."""
        self._require("breakpoints")
        self._check_range(addr, 2)
        self._clear_breakpoint(addr)

    def load_image(self, segments: Iterable[tuple[int, bytes]]) -> None:
        """Store an image's (address, bytes) segments, programming flash where the board's memory map says flash.

        Bytes of a flash block that no segment covers are erased with it.
        """
        image = [(addr, bytes(data)) for addr, data in segments if data]
        for addr, data in image:
            self._check_range(addr, len(data))
        self._load_image(image)

    def reset(self) -> None:
        """Reset the core and halt it; RAM keeps its contents. Also the way out of a time-out."""
        self._check_open()
        self._reset()

    def close(self) -> None:
        """End the connection; may be called twice. Every other method then raises TransportError."""
        if not self._closed:
            self._closed = True
            self._close()

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _read(self, addr: int, size_bytes: int) -> bytes: ...

    @abstractmethod
    def _write(self, addr: int, data: bytes) -> None: ...

    @abstractmethod
    def _execute(
        self,
        entry_addr: int,
        timeout_s: float,
        stop_addr: int | None,
        stack_addr: int | None,
        arguments: tuple[int, ...],
    ) -> StopReason: ...

    @abstractmethod
    def _reset(self) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...

    # Optional parts; a subclass that declares the capability overrides them.

    def _resume(self, until: list[int], timeout_s: float) -> StopReason:  # noqa: ARG002
        raise self._missing("resume")

    def _registers(self) -> dict[str, int]:
        raise self._missing("registers")

    def _write_register(self, name: str, value: int) -> None:  # noqa: ARG002
        raise self._missing("write_register")

    def _set_breakpoint(self, addr: int) -> None:  # noqa: ARG002
        raise self._missing("set_breakpoint")

    def _clear_breakpoint(self, addr: int) -> None:  # noqa: ARG002
        raise self._missing("clear_breakpoint")

    def _load_image(self, image: list[tuple[int, bytes]]) -> None:
        for addr, data in image:
            self._write(addr, data)

    def _check_open(self) -> None:
        if self._closed:
            raise TransportError("this transport is closed; open a new one")

    def _check_range(self, addr: int, size_bytes: int) -> None:
        self._check_open()
        if size_bytes < 0:
            raise UsageError(f"a size of {size_bytes} bytes is negative")
        if addr < 0 or addr + size_bytes > ADDRESS_SPACE_BYTES:
            raise UsageError(f"{size_bytes} bytes at {addr:#x} are outside of the 32-bit address space")

    def _check_timeout(self, timeout_s: float) -> None:
        self._check_open()
        if not 0 < timeout_s <= MAX_TIMEOUT_S:
            raise UsageError(f"a time-out of {timeout_s} s is not between 0 and {MAX_TIMEOUT_S:.0f} s")

    def _require(self, capability: str) -> None:
        if not getattr(self.capabilities, capability):
            raise self._missing(capability)

    def _missing(self, what: str) -> UsageError:
        return UsageError(f"{type(self).__name__} cannot do this ({what}); its capabilities are {self.capabilities}")
