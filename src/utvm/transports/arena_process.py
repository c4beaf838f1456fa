"""The process behind the host arena: build its program once, start it, speak with it."""

from __future__ import annotations

import contextlib
import platform
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utvm.errors import ArenaEnded, ToolchainError, TransportError, TransportTimeout
from utvm.toolchain.cache import cache_directory, content_key
from utvm.toolchain.compiler import WARNING_FLAGS
from utvm.toolchain.host import find_host_compiler

SOURCES = Path(__file__).parent / "native"
REGISTERS = (
    *("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "sp"),
    *(f"r{number}" for number in range(8, 16)),
    *("pc", "eflags"),
)
"""Names in the order of native/arena_registers.h."""

START_TIMEOUT_S = 10.0
INTERRUPT_TIMEOUT_S = 2.0
SPARE_S = 10.0
"""How much longer than asked the process may run code before it ends itself, should the host be gone."""

_COMMAND = struct.Struct(f"=2Q{len(REGISTERS)}Q")
_REPLY = struct.Struct(f"=3Q{len(REGISTERS)}Q")
_STEP, _RESET = 1, 2


@dataclass(frozen=True)
class Mapping:
    """A piece of the shared file and the device address at which code sees it."""

    base_addr: int
    size_bytes: int
    file_offset: int
    executable: bool


@dataclass(frozen=True)
class Halt:
    """Why the core halted: the host's signal number, its code and address, and the registers."""

    signal: int
    code: int
    fault_addr: int
    registers: dict[str, int]


class ArenaProcess:
    """A halted or running core. Its memory is the shared file, which outlives it."""

    def __init__(self, program: Path, memory_fd: int, mappings: Sequence[Mapping]) -> None:
        ours, theirs = socket.socketpair()
        self._socket = ours
        arguments = [
            str(number)
            for item in mappings
            for number in (item.base_addr, item.size_bytes, item.file_offset, int(item.executable))
        ]
        try:
            with theirs:
                self._process: subprocess.Popen[bytes] = subprocess.Popen(
                    [str(program), str(memory_fd), *arguments],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=(memory_fd,),
                )
        except OSError as error:
            ours.close()
            raise TransportError(f"the arena's process {program} cannot be started: {error}") from error
        try:
            self._receive(time.monotonic() + START_TIMEOUT_S)
        except TransportError as error:
            messages = self.close()
            raise TransportError(f"the arena did not start: {messages or error}") from error

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process is there, whatever its core does."""
        return self._process.poll() is None

    def run(self, registers: dict[str, int], timeout_s: float, *, step: bool = False, reset: bool = False) -> Halt:
        """Let the core run from these registers until it halts.

        After `timeout_s` the core is interrupted: the halt's signal is then SIGUSR1. Raises ArenaEnded, and
        TransportTimeout when even that did not stop it and the process was ended instead.
        """
        flags = (_STEP if step else 0) | (_RESET if reset else 0)
        limit_s = int(timeout_s + SPARE_S) + 1
        try:
            self._socket.sendall(_COMMAND.pack(flags, limit_s, *(registers[name] for name in REGISTERS)))
        except OSError:
            raise self._ended() from None
        try:
            return self._receive(time.monotonic() + timeout_s)
        except TransportTimeout:
            return self._interrupt(timeout_s)

    def close(self) -> str:
        """End the process; what it wrote to standard error. May be called twice."""
        self._socket.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        errors = self._process.stderr
        if errors is None or errors.closed:
            return ""
        with errors:
            return bytes(errors.read()).decode("utf-8", "replace").strip()

    def _interrupt(self, timeout_s: float) -> Halt:
        try:
            self._process.send_signal(signal.SIGUSR1)
            return self._receive(time.monotonic() + INTERRUPT_TIMEOUT_S)
        except TransportTimeout:
            self.close()
            raise TransportTimeout(
                f"the code still ran after {timeout_s:g} s and could not be stopped; "
                "reset the transport to use it again"
            ) from None

    def _receive(self, deadline: float) -> Halt:
        data = b""
        while len(data) < _REPLY.size:
            if not select.select([self._socket], [], [], max(deadline - time.monotonic(), 0.0))[0]:
                raise TransportTimeout("the arena does not answer; reset the transport to use it again")
            try:
                part = self._socket.recv(_REPLY.size - len(data))
            except OSError:
                part = b""
            if not part:
                raise self._ended()
            data += part
        number, code, fault_addr, *values = _REPLY.unpack(data)
        return Halt(number, code, fault_addr, dict(zip(REGISTERS, values, strict=True)))

    def _ended(self) -> ArenaEnded:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(INTERRUPT_TIMEOUT_S)
        status = self._process.returncode
        how = f"by signal {-status}" if status is not None and status < 0 else f"with status {status}"
        return ArenaEnded(f"the arena's process ended {how}; reset the transport to use it again", status)


def arena_program() -> Path:
    """The program of the arena, compiled for this machine at first use and kept in the user's cache directory."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        raise TransportError(
            f"the arena needs Linux on x86-64, not {sys.platform} on {platform.machine()}; "
            "use a virtual board, which runs everywhere"
        )
    compiler = find_host_compiler()
    texts = [path.read_text(encoding="utf-8") for path in sorted(SOURCES.glob("arena*"))]
    key = content_key(*compiler.command, compiler.version, *texts)
    program = cache_directory() / "native" / f"arena-{key[:20]}"
    if program.exists():
        return program
    try:
        program.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=program.parent, prefix=".build-") as folder:
            compiled = compiler.compile(SOURCES / "arena.c", Path(folder) / "arena.o", [SOURCES], WARNING_FLAGS)
            # Position-independent: everything of its own then lies far above the device's addresses.
            linked = compiler.link([compiled], Path(folder) / "arena", extra_flags=("-pie",))
            linked.replace(program)
    except OSError as error:
        raise ToolchainError(
            f"the arena's program cannot be kept in {program.parent}: {error}; "
            "set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    return program
