"""What a terminal and a log see of a tuning."""

from __future__ import annotations

import pytest
from rich.console import Console

from utvm.cli.tuning_progress import LineProgress, TableProgress
from utvm.report.text.tune import progress_table
from utvm.schedules import PORTABLE, Schedule
from utvm.tuning.progress import TaskResult

LONG = Schedule.of("conv2d_strip", {"pixels": 2, "rows": 28, "stacked": False, "unroll": 48})


def result(layer: str, best: int | None, tried: int) -> TaskResult:
    schedule = None if best is None else LONG
    return TaskResult(layer, "Conv2D", 1, PORTABLE, 900, schedule, best, tried, 0, 2, {"too slow": 1})


def test_a_line_for_the_first_and_for_every_better_one(capsys: pytest.CaptureFixture[str]) -> None:
    with LineProgress() as progress:
        for best, tried in ((900, 1), (900, 2), (700, 3), (700, 4)):
            progress.show(result("conv", best, tried))
        progress.verify("gdb://somewhere")
        progress.show(result("conv", 700, 1))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "best 900" in lines[0] and "best 700" in lines[1] and "gdb://somewhere" in lines[2]


def test_the_live_table_has_one_line_per_operator_on_a_narrow_terminal() -> None:
    console = Console(width=80)
    tasks = [result(f"a_layer_of_a_long_name_{number}", 700, 3) for number in range(5)]
    with console.capture() as capture:
        console.print(progress_table(tasks))
    text = capture.get()
    assert text.count("700") == 5 and len(text.strip().splitlines()) == 2 + 5
    with TableProgress() as progress:
        for task in tasks:
            progress.show(task)
        progress.verify("gdb://somewhere")
        progress.show(tasks[0])
