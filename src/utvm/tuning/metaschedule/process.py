"""The process in which MetaSchedule runs, and the tuner's end of the line to it.

`python -m utvm.tuning.metaschedule.process FD` answers on the socket FD: a request is a tuple, its answer `("done",
value)` or `("refused", reason)`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import IO, Any

from utvm.errors import ScheduleError, TuningEngineError
from utvm.schedules import Site

# MetaSchedule takes tenths of a second for a batch, and a few seconds to import.
_PATIENCE_S = 120.0
_SAID_LINES = 3
# From the end of the line to the end of the process.
_LAST_S = 5.0


class MetaScheduleProcess:
    """Starts the process when it is first asked, and again after it ended; use as a context manager.

    `life` counts the ends: engines that were opened in an earlier life are gone.
    """

    def __init__(self, program: Sequence[str] = (sys.executable, "-m", __name__)) -> None:
        self.life = 0
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._line: Connection | None = None
        self._said: IO[bytes] | None = None

    def open_engine(self, site: Site, scratch_limit_bytes: int, batch: int, seed: int) -> int:
        """The number of a new engine for the portable kernel of a site. Raises ScheduleError for a kernel that
        MetaSchedule cannot schedule, TuningEngineError when the process ended."""
        return int(self._request("open", site, scratch_limit_bytes, batch, seed))

    def ask(self, engine: int) -> list[str]:
        """New traces; see Engine."""
        return [str(trace) for trace in self._request("ask", engine)]

    def tell(self, engine: int, results: list[tuple[str, int | None]]) -> None:
        """Cycles of traces; see Engine."""
        self._request("tell", engine, results)

    def __enter__(self) -> MetaScheduleProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _request(self, *request: Any) -> Any:
        line = self._line or self._start()
        try:
            line.send(request)
            if not line.poll(_PATIENCE_S):
                raise TuningEngineError(f"MetaSchedule did not answer within {_PATIENCE_S:.0f} s")
            kind, value = line.recv()
        except (OSError, EOFError) as error:
            raise TuningEngineError(self._epitaph()) from error
        except TuningEngineError:
            self._end()
            raise
        if kind == "refused":
            raise ScheduleError(value)
        return value

    def _start(self) -> Connection:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        line, theirs = Pipe()
        command = [*self._program, str(theirs.fileno())]
        self._process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said
        )
        theirs.close()
        self._line = line
        return line

    def _epitaph(self) -> str:
        assert self._process is not None and self._said is not None
        try:
            code = self._process.wait(_LAST_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().split("\n")[-_SAID_LINES:]
        self._end()
        cause = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        return f"MetaSchedule's process {cause}: {' | '.join(lines) or 'it said nothing'}"

    def _end(self) -> None:
        self.life += 1
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._said is not None:
            self._said.close()
            self._said = None


def serve(line: Connection) -> None:
    """Answer requests until the line is closed."""
    from utvm.operators import rule_of
    from utvm.tuning.metaschedule.engine import Engine

    engines: list[Engine] = []

    def open_engine(site: Site, scratch_limit_bytes: int, batch: int, seed: int) -> int:
        kernel = rule_of(site.operator).kernel(site.operator, site.inputs, site.outputs)
        engines.append(Engine(kernel, scratch_limit_bytes, batch, seed))
        return len(engines) - 1

    def tell(engine: int, results: list[tuple[str, int | None]]) -> None:
        for trace, cycles in results:
            engines[engine].tell(trace, cycles)

    answers: dict[str, Callable[..., Any]] = {
        "open": open_engine,
        "ask": lambda engine: engines[engine].ask(),
        "tell": tell,
    }
    while True:
        try:
            name, *arguments = line.recv()
        except EOFError:
            return
        try:
            line.send(("done", answers[name](*arguments)))
        except ScheduleError as error:
            line.send(("refused", str(error)))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the tuner's Ctrl-C closes the line
    serve(Connection(int(sys.argv[1])))
    sys.stdout.flush()
    os._exit(0)  # without TVM's teardown
