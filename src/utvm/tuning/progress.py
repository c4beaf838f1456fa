"""How far the tuning of each operator has come, and what was found."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from utvm.schedules import Schedule, default_schedule
from utvm.tuning.measure import Outcome
from utvm.tuning.records import Failure
from utvm.tuning.search import Search, fits
from utvm.tuning.tasks import Task


@dataclass(frozen=True)
class TaskResult:
    """One operator's state: cycles of a call by default and at best, and how many schedules had which end.

    `default_cycles` and `best_cycles` are None until measured. `reused` of the `tried` were answered by records.
    `remark` says why the search ended early, if it did; `last_failure` is what the last failure's message said.
    `measured` are the cycles of all schedules that gave the right answer.
    """

    layer: str
    operator: str
    count: int
    default: Schedule
    default_cycles: int | None
    best: Schedule | None
    best_cycles: int | None
    tried: int
    reused: int
    too_large: int
    failures: dict[str, int]
    remark: str = ""
    last_failure: str = ""
    measured: Mapping[Schedule, int] = field(default_factory=dict)

    def fastest(self, count: int) -> list[Schedule]:
        """The schedules of the fewest cycles."""
        return sorted(self.measured, key=lambda schedule: self.measured[schedule])[:count]


Listener = Callable[[TaskResult], None]
"""Told an operator's state whenever one of its schedules was measured."""


@dataclass
class TaskState:
    """The search of one operator and what it found so far. `known` was measured earlier."""

    task: Task
    search: Search
    known: dict[Schedule, Outcome]
    best: tuple[int, Schedule] | None = None
    default_cycles: int | None = None
    tried: int = 0
    reused: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    last_failure: str = ""
    measured: dict[Schedule, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        place = self.task.place
        self.default = default_schedule(place.site, place.scratch_limit_bytes)
        for schedule, outcome in self.known.items():
            if fits(place, schedule):
                self.search.learn(schedule, None if isinstance(outcome, Failure) else outcome)
                self.reused += 1
                self._count(schedule, outcome)

    def next_batch(self, size: int) -> list[Schedule]:
        """At most `size` schedules to measure together; none when the search is over."""
        return list(itertools.islice(iter(self.search.ask, None), size))

    def settle(self, schedule: Schedule, outcome: Outcome) -> None:
        """Take the outcome of a schedule of a batch in."""
        self.search.tell(schedule, None if isinstance(outcome, Failure) else outcome)
        self._count(schedule, outcome)

    def _count(self, schedule: Schedule, outcome: Outcome) -> None:
        self.tried += 1
        if isinstance(outcome, Failure):
            self.failures[outcome.kind] += 1
            self.last_failure = f"{outcome.kind}: {outcome.message}"
            return
        self.measured[schedule] = outcome
        if schedule == self.default:
            self.default_cycles = outcome
        if self.best is None or outcome < self.best[0]:
            self.best = outcome, schedule

    def result(self) -> TaskResult:
        """The state as it is now."""
        cycles, schedule = self.best or (None, None)
        return TaskResult(
            layer=self.task.layer,
            operator=self.task.operator,
            count=self.task.count,
            default=self.default,
            default_cycles=self.default_cycles,
            best=schedule,
            best_cycles=cycles,
            tried=self.tried,
            reused=self.reused,
            too_large=self.search.too_large,
            failures=dict(self.failures),
            remark=self.search.remark,
            last_failure=self.last_failure,
            measured=dict(self.measured),
        )
