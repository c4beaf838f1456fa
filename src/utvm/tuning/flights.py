"""Batches of schedules that are being measured, each by a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from utvm.schedules import Schedule
from utvm.tuning.batch import Experiment
from utvm.tuning.measure import Measurer, Outcome
from utvm.tuning.progress import TaskState

Arrival = tuple[TaskState, Schedule, Outcome]


@dataclass(frozen=True)
class _Landed:
    """The end of a batch, and the error that ended it before its time."""

    error: BaseException | None


class Flights:
    """Measurements under way; use as a context manager, whose end waits for what is being measured and drops it."""

    def __init__(self, measurer: Measurer, seed: int) -> None:
        self._measurer, self._seed = measurer, seed
        self._experiments: dict[int, Experiment] = {}
        self._queue: queue.SimpleQueue[Arrival | _Landed] = queue.SimpleQueue()
        self._landing = threading.Event()
        self._threads: list[threading.Thread] = []
        self.count = 0

    def start(self, state: TaskState, batch: list[Schedule]) -> None:
        """Measure a batch of a task's schedules."""
        experiment = self._experiments.setdefault(id(state), Experiment(state.task.place, self._seed))
        self.count += 1
        best = None if state.best is None else state.best[0]
        thread = threading.Thread(target=self._fly, args=(state, experiment, batch, best), name="measuring")
        self._threads.append(thread)
        thread.start()

    def arrivals(self, deadline: float | None) -> Iterator[Arrival]:
        """What was measured, from the first outcome there is to the last; waits for one, or for the deadline.

        Raises what ended a batch that is no failure of a schedule.
        """
        waiting = self.count > 0
        while True:
            try:
                timeout = None if deadline is None else max(deadline - time.monotonic(), 0)
                item = self._queue.get(timeout=timeout) if waiting else self._queue.get_nowait()
            except queue.Empty:
                return
            waiting = False
            if not isinstance(item, _Landed):
                yield item
                continue
            self.count -= 1
            if item.error is not None:
                raise item.error

    def last_arrivals(self) -> Iterator[Arrival]:
        """Begin no other measurement, and what comes of those under way; errors that end them are dropped."""
        self.land()
        for thread in self._threads:
            thread.join()
        with contextlib.suppress(queue.Empty):
            while True:
                item = self._queue.get_nowait()
                if not isinstance(item, _Landed):
                    yield item

    def land(self) -> None:
        """Finish the schedules that are being measured, and begin no other."""
        self._landing.set()

    def __enter__(self) -> Flights:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.land()
        for thread in self._threads:
            thread.join()

    def _fly(self, state: TaskState, experiment: Experiment, batch: list[Schedule], best: int | None) -> None:
        error: BaseException | None = None
        try:
            for schedule, outcome in self._measurer.measure(experiment, batch, best):
                self._queue.put((state, schedule, outcome))
                if self._landing.is_set():
                    break
        except BaseException as caught:  # noqa: BLE001 - the main thread raises it
            error = caught
        self._queue.put(_Landed(error))
