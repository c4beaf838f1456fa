"""The loop of tuning: searches propose, boards measure side by side, records are kept."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from utvm.schedules import Schedule
from utvm.tuning.batch import batch_size
from utvm.tuning.conditions import Conditions, schedule_refusal
from utvm.tuning.flights import Flights
from utvm.tuning.measure import Measurer, Outcome
from utvm.tuning.progress import Listener, TaskResult, TaskState
from utvm.tuning.records import Failure, Record, RecordWriter
from utvm.tuning.search import SearchOpener, open_search
from utvm.tuning.tasks import Task

# A board that was away may be back: these are measured again.
_PASSING = ("transport",)


@dataclass(frozen=True)
class Effort:
    """How long to search: `trials` schedules per operator, `jobs` boards side by side, seconds in all."""

    trials: int = 64
    jobs: int = 1
    time_limit_s: float | None = None
    seed: int = 0


@dataclass(frozen=True)
class TuningResult:
    """Every operator's result, the schedules `measured` now, the time, and why records were not used, counted."""

    tasks: tuple[TaskResult, ...]
    measured: int
    seconds: float
    out_of_time: bool
    stale: dict[str, int]


def tune(
    tasks: Sequence[Task],
    measurer: Measurer,
    conditions: Conditions,
    writer: RecordWriter,
    known: Iterable[Record] = (),
    effort: Effort | None = None,
    listener: Listener | None = None,
    searches: SearchOpener = open_search,
) -> TuningResult:
    """Search each task's schedules; what `known` records answer under the same conditions is not measured again.

    Every outcome is written as soon as it is there, so that an abrupt end loses what was being measured at most.
    """
    effort = effort or Effort()
    began = time.monotonic()
    stale: Counter[str] = Counter()
    states = _states(tasks, conditions, list(known), effort, stale, searches)
    tell = listener or (lambda _: None)
    for state in states:
        if state.tried:
            tell(state.result())
    deadline = None if effort.time_limit_s is None else began + effort.time_limit_s
    measured, out_of_time = 0, False

    def keep(state: TaskState, schedule: Schedule, outcome: Outcome) -> None:
        nonlocal measured
        writer.append(_record(state.task, conditions, schedule, outcome))
        state.settle(schedule, outcome)
        measured += 1
        tell(state.result())

    with Flights(measurer, effort.seed) as flights:
        waiting = deque(states)
        try:
            while waiting or flights.count:
                if deadline is not None and time.monotonic() >= deadline:
                    out_of_time = True
                    waiting.clear()
                    flights.land()
                while waiting and flights.count < effort.jobs:
                    state = waiting.popleft()
                    batch = state.next_batch(batch_size(state.task.place, measurer.board))
                    if batch:
                        waiting.append(state)
                        flights.start(state, batch)
                for arrival in flights.arrivals(None if out_of_time else deadline):
                    keep(*arrival)
        except KeyboardInterrupt:
            for state, schedule, outcome in flights.last_arrivals():
                if not isinstance(outcome, Failure):  # the interrupt may have hit the compiler too
                    keep(state, schedule, outcome)
            raise
    results = tuple(state.result() for state in states)
    return TuningResult(results, measured, time.monotonic() - began, out_of_time, dict(stale))


def _states(
    tasks: Sequence[Task],
    conditions: Conditions,
    known: list[Record],
    effort: Effort,
    stale: Counter[str],
    searches: SearchOpener,
) -> list[TaskState]:
    by_key: dict[str, list[Record]] = {}
    for record in known:
        by_key.setdefault(record.key.exact, []).append(record)
    states = []
    for task in tasks:
        answers: dict[Schedule, Outcome] = {}
        for record in by_key.get(task.place.key.exact, []):
            reason = _unusable(task, conditions, record)
            outcome = record.failure or record.cycles
            if reason:
                stale[reason] += 1
            elif outcome is not None and not (isinstance(outcome, Failure) and outcome.kind in _PASSING):
                answers[record.schedule] = outcome
        states.append(TaskState(task, searches(task.place, effort.trials, effort.seed), answers))
    return states


def _unusable(task: Task, now: Conditions, record: Record) -> str:
    """Why a record of the same operator does not answer a measurement now; empty if it does."""
    then = record.conditions
    if (then.board, then.counting, then.arena) != (now.board, now.counting, now.arena):
        return f"measured on {then.board}, {then.counting}, arena in {then.arena}"
    reason = record.conditions.stale_reason(now)
    if not reason and schedule_refusal(task.place.site, record.schedule):
        return "a schedule that is illegal now"
    return reason


def _record(task: Task, conditions: Conditions, schedule: Schedule, outcome: Outcome) -> Record:
    failure = outcome if isinstance(outcome, Failure) else None
    cycles = None if isinstance(outcome, Failure) else outcome
    return Record(task.place.key, task.operator, task.layer, conditions, schedule, cycles, failure)
