"""How far the tuning of each operator has come, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from utvm.schedules import Schedule, default_schedule
from utvm.tuning.measure import Outcome
from utvm.tuning.records import Failure
from utvm.tuning.search import Search
from utvm.tuning.tasks import Task


@dataclass(frozen=True)
class TaskResult:
    """One operator's state: cycles of a call by default and at best, and how many schedules had which end.

    `default_cycles` and `best_cycles` are None until measured. `reused` of the `tried` were answered by records.
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


Listener = Callable[[TaskResult], None]
"""Told an operator's state whenever a batch of its schedules was measured."""


@dataclass
class TaskState:
    """The search of one operator and what it found so far. `known` answers schedules without measuring."""

    task: Task
    search: Search
    known: dict[Schedule, Outcome]
    best: tuple[int, Schedule] | None = None
    default_cycles: int | None = None
    tried: int = 0
    reused: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.default = default_schedule(self.task.place.site, self.task.place.scratch_limit_bytes)

    def next_batch(self, size: int) -> list[Schedule]:
        """Up to `size` schedules to measure; none when the search is over."""
        batch: list[Schedule] = []
        while len(batch) < size:
            schedule = self.search.ask()
            if schedule is None:
                break
            if schedule in self.known:
                self.reused += 1
                self.settle(schedule, self.known[schedule])
            else:
                batch.append(schedule)
        return batch

    def settle(self, schedule: Schedule, outcome: Outcome) -> None:
        """Take a schedule's outcome in."""
        self.tried += 1
        if isinstance(outcome, Failure):
            self.failures[outcome.kind] += 1
            self.search.tell(schedule, None)
            return
        self.search.tell(schedule, outcome)
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
        )
