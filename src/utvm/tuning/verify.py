"""The best schedules of a search, measured again in another way: on another board, or through another transport."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from utvm.schedules import Schedule
from utvm.tuning.conditions import Conditions
from utvm.tuning.measure import Measurer
from utvm.tuning.progress import Listener, TaskResult
from utvm.tuning.records import RecordWriter
from utvm.tuning.search import EnumeratedSearch, Search
from utvm.tuning.tasks import Place, Task
from utvm.tuning.tuner import Effort, TuningResult, tune


@dataclass(frozen=True)
class Verification:
    """How cycles were counted this time, and what came of it, operator by operator as in the search."""

    counting: str
    result: TuningResult


def verify(
    tasks: Sequence[Task],
    searched: Sequence[TaskResult],
    best: int,
    measurer: Measurer,
    conditions: Conditions,
    writer: RecordWriter,
    effort: Effort,
    listener: Listener | None = None,
) -> Verification:
    """Measure each task's default and its `best` fastest schedules, whatever records say, and record them.

    `searched` are the search's results, in the order of the tasks.
    """
    chosen = {id(task.place): _chosen(result, best) for task, result in zip(tasks, searched, strict=True)}

    def listed(place: Place, trials: int, seed: int) -> Search:
        del trials, seed
        return EnumeratedSearch(place, chosen[id(place)], too_large=0)

    return Verification(conditions.counting, tune(tasks, measurer, conditions, writer, (), effort, listener, listed))


def _chosen(result: TaskResult, best: int) -> list[Schedule]:
    fastest = result.fastest(best)
    return fastest if result.default in fastest or result.default not in result.measured else [*fastest, result.default]
