"""A virtual board of our own: start the process, connect to it, end it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass

from utvm.errors import TransportError, TransportTimeout, VirtualBoardError
from utvm.transports.block_profile import BlockProfile, parse_profile
from utvm.transports.gdb import DEFAULT_TIMEOUT_S, GdbTransport

START_TIMEOUT_S = 60.0  # the first start on a machine compiles the native part
END_TIMEOUT_S = 2.0
END_GRACE_S = 0.2
STDERR_TAIL_CHARS = 2000


@dataclass(frozen=True)
class CycleCounting:
    """How a virtual board counts cycles: its options `--timing` (None: the model of its core) and `--memory`."""

    timing: str | None = None
    memory: str = "zero-wait"

    @property
    def options(self) -> tuple[str, ...]:
        """For the command line of the virtual board."""
        return (*(() if self.timing is None else ("--timing", self.timing)), "--memory", self.memory)


DEFAULT_COUNTING = CycleCounting()


class VirtualBoardProcess:
    """A running virtual board. It ends with `close`, and by itself when this process does.

    `board` is a board's name or the path of its .toml file. `jtag` also opens the JTAG door: a TCP port (0 for any) or
    the path of a Unix socket; `jtag_place` is then HOST:PORT or that path. `counting` says how cycles are counted.
    Raises VirtualBoardError, with what the process printed, when it does not start.
    """

    def __init__(
        self,
        board: str,
        *,
        jtag: int | str | None = None,
        counting: CycleCounting = DEFAULT_COUNTING,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self.board = board
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        doors = [] if jtag is None else ["--jtag", str(jtag)]
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "utvm.virtual_board", board, "--gdb", "0", "--exit-with-stdin"),
                *(*doors, *counting.options),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,  # Ctrl-C is for us: we end the board
        )
        try:
            places = self._wait_until_ready(start_timeout_s, ["gdb"] if jtag is None else ["gdb", "jtag"])
            host, _, port = places["gdb"].rpartition(":")
            self.host, self.gdb_port, self.jtag_place = host, int(port), places.get("jtag", "")
        except VirtualBoardError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """None while it runs; negative if a signal ended it."""
        return self._process.poll()

    def has_ended(self) -> bool:
        """Whether the process ends within a moment: a killed one's connections break before it is gone."""
        try:
            self._process.wait(END_GRACE_S)
        except subprocess.TimeoutExpired:
            return False
        return True

    def messages(self) -> str:
        """The end of what the process wrote to standard error."""
        if self._stderr.closed:
            return ""
        # Not seek and read: the process writes where the shared file position is.
        size = os.fstat(self._stderr.fileno()).st_size
        return os.pread(self._stderr.fileno(), size, 0).decode("utf-8", "replace")[-STDERR_TAIL_CHARS:].strip()

    def close(self) -> None:
        """End the process; may be called twice."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()

    def _wait_until_ready(self, timeout_s: float, doors: list[str]) -> dict[str, str]:
        """The place of each door, as the process announces them, one a line."""
        text = b""
        deadline = time.monotonic() + timeout_s
        output = self._process.stdout
        assert output is not None  # asked for above
        while text.count(b"\n") < len(doors):
            if not select.select([output], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise VirtualBoardError(
                    f"the virtual board {self.board} was not ready after {timeout_s:g} s{self._said()}"
                )
            data = output.read1(4096) if hasattr(output, "read1") else output.readline()
            if not data:
                self._process.wait(END_TIMEOUT_S)
                raise VirtualBoardError(f"the virtual board {self.board} did not start{self._said()}")
            text += data
        announced = [line.partition(" ") for line in text.decode("ascii", "replace").splitlines()]
        places = {word: place for word, _, place in announced}
        if list(places) != doors or not places["gdb"].rpartition(":")[2].isdigit():
            raise VirtualBoardError(f"the virtual board {self.board} announced {text!r} instead of its ports")
        return places

    def _said(self) -> str:
        messages = self.messages()
        return f":\n{messages}" if messages else ""


class VirtualBoardTransport(GdbTransport):
    """A GdbTransport to a virtual board that it starts, and ends when it is closed."""

    def __init__(
        self,
        board: str,
        *,
        counting: CycleCounting = DEFAULT_COUNTING,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        self.process = VirtualBoardProcess(board, counting=counting, start_timeout_s=start_timeout_s)
        try:
            super().__init__(self.process.host, self.process.gdb_port, timeout_s=timeout_s)
        except TransportError:
            self.process.close()
            raise

    @property
    def cycles(self) -> int:
        """Cycles since the board was switched on, in its timing model."""
        return self._count("cycles")

    @property
    def instructions(self) -> int:
        """Instructions executed since the board was switched on."""
        return self._count("instructions")

    @property
    def cycles_kind(self) -> str:
        """The timing model and the memory timing, in words."""
        return self.monitor("timing").splitlines()[-1]

    def forget_history(self) -> None:
        """Empty caches and untrained predictors, as after power-up."""
        self.monitor("cold")

    def limit_cycles(self, cycles: int | None) -> None:
        """The core stops, as if interrupted, when so many more cycles have passed; None takes the limit back."""
        self.monitor(f"limit {'off' if cycles is None else cycles}")

    def start_profile(self) -> None:
        """Forget the last profile, and count what basic blocks cost from now on."""
        self.monitor("profile start")

    def stop_profile(self) -> tuple[BlockProfile, ...]:
        """Count no more; every basic block that ran since the start, by address."""
        self.monitor("profile stop")
        return parse_profile(self.monitor("profile dump"))

    def _count(self, what: str) -> int:
        counts = dict(line.split() for line in self.monitor("cycles").splitlines())
        return int(counts[what])

    def _send(self, payload: bytes) -> None:
        try:
            super()._send(payload)
        except TransportError as error:
            raise self._explained(error) from error

    def _receive(self, timeout_s: float | None = None, *, keep_usable: bool = False) -> bytes:
        try:
            return super()._receive(timeout_s, keep_usable=keep_usable)
        except TransportError as error:
            raise self._explained(error) from error

    def _reset(self) -> None:
        try:
            super()._reset()
        except TransportError as error:
            if not self.process.has_ended():
                raise
            said = self.process.messages()
            raise TransportError(f"the virtual board has ended; open a new one. It said:\n{said}") from error

    def _close(self) -> None:
        super()._close()
        self.process.close()

    def _explained(self, error: TransportError) -> TransportError:
        """The same error, with what the process said if it has ended."""
        if isinstance(error, TransportTimeout) or not self.process.has_ended() or not self.process.messages():
            return error
        return type(error)(f"{error}. The virtual board has ended and said:\n{self.process.messages()}")
