"""What is going on, on standard error: a bar on a terminal, one line per stage elsewhere."""

from __future__ import annotations

import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

Item = TypeVar("Item")


class Progress(ABC):
    """Stages one after the other; with `verbose`, each one's time in seconds is said when it ends."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self._stage = ""
        self._began = 0.0

    def stage(self, text: str) -> None:
        """A stage begins, and the one before ends."""
        self._begin(text, None)

    def steps(self, text: str, items: Sequence[Item]) -> Iterator[Item]:
        """The items one by one, as a stage of as many steps."""
        self._begin(text, len(items))
        for item in items:
            yield item
            self._advance()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del error, trace
        if kind is None:
            self._end()
        self._close()

    def _begin(self, text: str, total: int | None) -> None:
        self._end()
        self._stage, self._began = text, time.perf_counter()
        self._show(text, total)

    def _end(self) -> None:
        if self._stage and self._verbose:
            self._say(f"{self._stage}: {time.perf_counter() - self._began:.2f} s")
        self._stage = ""

    @abstractmethod
    def _show(self, text: str, total: int | None) -> None:
        """Show a stage of `total` steps, or of unknown length."""

    @abstractmethod
    def _advance(self) -> None:
        """A step is done."""

    @abstractmethod
    def _say(self, line: str) -> None:
        """A line that stays."""

    @abstractmethod
    def _close(self) -> None:
        """Leave nothing moving on the screen."""


class LineProgress(Progress):
    """One line per stage, for logs and pipes."""

    def _show(self, text: str, total: int | None) -> None:
        del total
        if not self._verbose:
            self._say(f"{text} ...")

    def _advance(self) -> None:
        pass

    def _say(self, line: str) -> None:
        sys.stderr.write(f"utvm: {line}\n")
        sys.stderr.flush()

    def _close(self) -> None:
        pass


class BarProgress(Progress):
    """A bar that goes away when the work is done."""

    def __init__(self, verbose: bool) -> None:
        super().__init__(verbose)
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self._bars: Bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task: TaskID | None = None
        self._bars.start()

    def _show(self, text: str, total: int | None) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(text, total=total)

    def _advance(self) -> None:
        if self._task is not None:
            self._bars.advance(self._task)

    def _say(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False)

    def _close(self) -> None:
        self._bars.stop()


def open_progress(verbose: bool = False) -> Progress:
    """Progress as fits standard error."""
    return BarProgress(verbose) if sys.stderr.isatty() else LineProgress(verbose)
