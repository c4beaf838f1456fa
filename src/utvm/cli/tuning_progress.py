"""How far a tuning has come, on standard error: a table that stays up to date on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utvm.tuning.progress import TaskResult


class TuningProgress(ABC):
    """Shows each operator's best so far; use as a context manager."""

    def __init__(self) -> None:
        self._where = ""

    def verify(self, counting: str) -> None:
        """The search is over, and the best are measured again, where cycles are counted so."""
        self._where = counting

    @abstractmethod
    def show(self, task: TaskResult) -> None:
        """An operator's state, which has changed."""

    def __enter__(self) -> TuningProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing moving on the screen."""
        del kind, error, trace


class LineProgress(TuningProgress):
    """A line when an operator's first schedule was measured, and whenever there is a better one."""

    def __init__(self) -> None:
        super().__init__()
        self._best: dict[tuple[str, str], int | None] = {}

    def show(self, task: TaskResult) -> None:
        """See TuningProgress."""
        from utvm.cli.output import note
        from utvm.report.text.tune import task_line

        key = self._where, task.layer
        if key in self._best and self._best[key] == task.best_cycles:
            return
        self._best[key] = task.best_cycles
        note(f"utvm: {f'{self._where}: ' if self._where else ''}{task_line(task)}")


class TableProgress(TuningProgress):
    """The operators with their best so far."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.live import Live

        self._tasks: dict[str, TaskResult] = {}
        self._live = Live(console=Console(stderr=True), transient=True, refresh_per_second=4)

    def verify(self, counting: str) -> None:
        """See TuningProgress."""
        super().verify(counting)
        self._tasks.clear()

    def show(self, task: TaskResult) -> None:
        """See TuningProgress."""
        from utvm.report.text.tune import progress_table

        self._tasks[task.layer] = task
        self._live.update(progress_table(list(self._tasks.values()), self._where or None))

    def __enter__(self) -> TuningProgress:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        self._live.stop()


def open_tuning_progress() -> TuningProgress:
    """Progress as fits standard error."""
    return TableProgress() if sys.stderr.isatty() else LineProgress()
