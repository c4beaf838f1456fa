"""A tuning as text: per operator the default, the best, and how the others ended."""

from __future__ import annotations

from rich.console import RenderableType

from utvm.report.text.tables import count, table
from utvm.tuning.progress import TaskResult
from utvm.tuning.tuner import TuningResult


def task_line(task: TaskResult) -> str:
    """One operator's state in a line, for live progress."""
    parts = [f"best {count(task.best_cycles)} cycles", f"default {count(task.default_cycles)}", f"{task.tried} tried"]
    parts += [f"{number} {kind}" for kind, number in task.failures.items()]
    parts += [task.remark] if task.remark else []
    schedule = f", {task.best}" if task.best is not None else ""
    return f"{task.layer}: {', '.join(parts)}{schedule}"


def tune_text(result: TuningResult, file: str) -> list[RenderableType]:
    """The table of operators, the sum over a run of the model, and where the records are."""
    columns = ("layer", "times", "default", "best", "tried", "failed", "too large", "schedule")
    made = table(*columns, right=columns[1:-1])
    for task in result.tasks:
        failed = ", ".join(f"{number} {kind}" for kind, number in task.failures.items()) or "0"
        cells = (count(task.default_cycles), count(task.best_cycles), str(task.tried), failed, str(task.too_large))
        made.add_row(task.layer, str(task.count), *cells, str(task.best or "-"))
    parts: list[RenderableType] = [made]
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
    parts += [f"{task.layer}: {task.remark}" for task in result.tasks if task.remark]
    parts += [f"records not used: {number}, {reason}" for reason, number in result.stale.items()]
    parts.append(f"records: {file} (use them with --schedules {file})")
    return parts
