"""What a tuning found, as data for JSON."""

from __future__ import annotations

import json
from typing import Any

from utvm.schedules import Schedule
from utvm.tuning.conditions import Conditions
from utvm.tuning.progress import TaskResult
from utvm.tuning.tuner import TuningResult
from utvm.tuning.verify import Verification


def tune_json(
    result: TuningResult, conditions: Conditions, file: str, verification: Verification | None = None
) -> dict[str, Any]:
    """The object that `utvm tune --json` prints."""
    return {
        "board": conditions.board,
        "core": conditions.core,
        "counting": conditions.counting,
        "toolchain": conditions.toolchain,
        "utvm": conditions.utvm,
        "schedules": file,
        "measured": result.measured,
        "seconds": round(result.seconds, 3),
        "out_of_time": result.out_of_time,
        "stale": result.stale,
        "operators": [_operator(task) for task in result.tasks],
        "verified": None if verification is None else _verified(result, verification),
    }


def _verified(searched: TuningResult, verification: Verification) -> dict[str, Any]:
    operators = []
    for before, after in zip(searched.tasks, verification.result.tasks, strict=True):
        schedules = [
            {"schedule": _schedule(schedule), "searched_cycles": before.measured[schedule], "cycles": cycles}
            for schedule, cycles in after.measured.items()
        ]
        operators.append({**_operator(after), "schedules": schedules})
    return {"counting": verification.counting, "operators": operators}


def _operator(task: TaskResult) -> dict[str, Any]:
    return {
        "layer": task.layer,
        "operator": task.operator,
        "count": task.count,
        "default": _schedule(task.default),
        "default_cycles": task.default_cycles,
        "best": None if task.best is None else _schedule(task.best),
        "best_cycles": task.best_cycles,
        "tried": task.tried,
        "reused": task.reused,
        "too_large": task.too_large,
        "failures": task.failures,
        "remark": task.remark,
    }


def _schedule(schedule: Schedule) -> Any:
    return json.loads(schedule.to_json())
