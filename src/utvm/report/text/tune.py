"""A tuning as text: per operator the default, the best, and how the others ended."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table

from utvm.report.text.tables import count, table
from utvm.tuning.progress import TaskResult
from utvm.tuning.tuner import TuningResult
from utvm.tuning.verify import Verification

_SHORT_CHARS = 20


def task_line(task: TaskResult) -> str:
    """One operator's state in a line, for live progress."""
    parts = [f"best {count(task.best_cycles)} cycles", f"default {count(task.default_cycles)}", f"{task.tried} tried"]
    parts += [f"{number} {kind}" for kind, number in task.failures.items()]
    parts += [task.remark] if task.remark else []
    schedule = f", {task.best}" if task.best is not None else ""
    return f"{task.layer}: {', '.join(parts)}{schedule}"


def progress_table(tasks: Sequence[TaskResult], title: str | None = None) -> Table:
    """A row of one short line per operator, for a terminal of 80 columns."""
    columns = ("layer", "default", "best", "tried", "failed", "template")
    made = table(*columns, right=columns[1:-1], title=title)
    for task in tasks:
        counts = count(task.default_cycles), count(task.best_cycles), str(task.tried), str(sum(task.failures.values()))
        made.add_row(task.layer[-_SHORT_CHARS:], *counts, task.best.template[:_SHORT_CHARS] if task.best else "-")
    return made


def tasks_table(tasks: Sequence[TaskResult]) -> Table:
    """A row per operator."""
    columns = ("layer", "times", "default", "best", "tried", "failed", "too large", "schedule")
    made = table(*columns, right=columns[1:-1])
    for task in tasks:
        failed = ", ".join(f"{number} {kind}" for kind, number in task.failures.items()) or "0"
        cells = (count(task.default_cycles), count(task.best_cycles), str(task.tried), failed, str(task.too_large))
        made.add_row(task.layer, str(task.count), *cells, str(task.best or "-"))
    return made


def tune_text(result: TuningResult, file: str) -> list[RenderableType]:
    """The table of operators, the sum over a run of the model, and where the records are."""
    parts: list[RenderableType] = [tasks_table(result.tasks)]
    both = [
        (task.count * task.default_cycles, task.count * task.best_cycles)
        for task in result.tasks
        if task.default_cycles is not None and task.best_cycles is not None
    ]
    default, best = sum(pair[0] for pair in both), sum(pair[1] for pair in both)
    if best:
        parts.append(
            f"cycles of these operators in a run: {default:,} by default, {best:,} tuned ({default / best:.3f}x)"
        )
    rate = f", {result.measured / result.seconds:.1f} a second" if result.measured else ""
    reused = sum(task.reused for task in result.tasks)
    ended = "; the time was up" if result.out_of_time else ""
    parts.append(f"measured: {result.measured} in {result.seconds:.1f} s{rate}; from records: {reused}{ended}")
    unreached = {task.last_failure for task in result.tasks if "transport" in task.failures}
    parts += [f"failure: {failure}" for failure in sorted(unreached)]
    parts += [f"{task.layer}: {task.remark}" for task in result.tasks if task.remark]
    parts += [f"records not used: {number}, {reason}" for reason, number in result.stale.items()]
    parts.append(f"records: {file} (use them with --schedules {file})")
    return parts


def verification_text(searched: TuningResult, verification: Verification) -> list[RenderableType]:
    """The table of both ways of counting, and the sums over a run."""
    columns = ("layer", "times", "default", "best", "default there", "best there", "failed there", "won there")
    made = table(*columns, right=columns[1:-1])
    sums = [0, 0]
    for before, after in zip(searched.tasks, verification.result.tasks, strict=True):
        failed = ", ".join(f"{number} {kind}" for kind, number in after.failures.items()) or "0"
        won = "-" if after.best is None else "the same" if after.best == before.best else str(after.best)
        cells = (before.default_cycles, before.best_cycles, after.default_cycles, after.best_cycles)
        made.add_row(before.layer, str(before.count), *(count(cycles) for cycles in cells), failed, won)
        if after.default_cycles is not None and after.best_cycles is not None:
            sums = [sums[0] + after.count * after.default_cycles, sums[1] + after.count * after.best_cycles]
    parts: list[RenderableType] = [f"\nmeasured again: {verification.counting}", made]
    if sums[1]:
        parts.append(f"cycles of these operators in a run there: {sums[0]:,} by default, {sums[1]:,} tuned")
    failures = {task.last_failure for task in verification.result.tasks if task.last_failure}
    return [*parts, *(f"failure there: {failure}" for failure in sorted(failures))]
