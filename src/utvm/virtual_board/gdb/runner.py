"""Runs a target in a thread of its own, so that the server can listen for an interrupt meanwhile."""

from __future__ import annotations

import queue
import socket
import threading

from utvm.virtual_board.target import DebugTarget, StopEvent


class Runner:
    """At most one resume at a time. The runner can be selected for reading: readable means `collect` will not block."""

    def __init__(self, target: DebugTarget) -> None:
        self._target = target
        self._jobs: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._events: queue.SimpleQueue[StopEvent] = queue.SimpleQueue()
        self._bell, self._button = socket.socketpair()
        self.is_running = False
        threading.Thread(target=self._work, daemon=True, name="core").start()

    def fileno(self) -> int:
        """For select."""
        return self._bell.fileno()

    def resume(self) -> None:
        """Start the core; its stop is collected later."""
        self.is_running = True
        self._jobs.put(None)

    def collect(self) -> StopEvent:
        """Wait for the stop of a running core."""
        event = self._events.get()
        self._bell.recv(1)
        self.is_running = False
        self._target.forget_halt_request()
        return event

    def halt(self) -> StopEvent:
        """Stop a running core."""
        self._target.request_halt()
        return self.collect()

    def _work(self) -> None:
        while True:
            self._jobs.get()
            self._events.put(self._target.resume())
            self._button.send(b"!")
