"""The core on a thread of its own, so that a debug port can look at the board while it runs."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from utvm.virtual_board.target import DebugTarget, StopEvent, StopKind

HALT_TIMEOUT_S = 5.0


class CoreThread:
    """Starts and stops a target. `prepare` runs before every start, `stopped` after every stop, on this thread."""

    def __init__(self, target: DebugTarget, prepare: Callable[[], None], stopped: Callable[[StopEvent], None]) -> None:
        self._target, self._prepare, self._stopped = target, prepare, stopped
        self._starts: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._idle = threading.Event()
        self._idle.set()
        self._pausing = False
        self._paused_by_request = False
        threading.Thread(target=self._work, daemon=True, name="core under JTAG").start()

    @property
    def is_running(self) -> bool:
        """Whether the core executes."""
        return not self._idle.is_set()

    def start(self) -> None:
        """Let a halted core run."""
        self._prepare()
        self._idle.clear()
        self._starts.put(None)

    def step(self) -> None:
        """Let a halted core execute one instruction."""
        self._prepare()
        self._stopped(self._target.step())

    def request_halt(self) -> None:
        """Make a running core halt soon."""
        if self.is_running:
            self._target.request_halt()

    def halt(self) -> bool:
        """Halt a running core and wait until it has; False if it does not."""
        self.request_halt()
        return self._idle.wait(HALT_TIMEOUT_S)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While this is open the core stands still; afterwards it goes on, unless it met a reason to halt meanwhile."""
        if not self.is_running:
            yield
            return
        self._pausing, self._paused_by_request = True, False
        self.halt()
        self._pausing = False
        try:
            yield
        finally:
            if self._paused_by_request:
                self.start()

    def _work(self) -> None:
        while True:
            self._starts.get()
            event = self._target.resume()
            self._target.forget_halt_request()
            if self._pausing and event.kind is StopKind.INTERRUPT:
                self._paused_by_request = True
            else:
                self._stopped(event)
            self._idle.set()
