"""A small model tuned on the virtual board: end to end, again, and after an abrupt end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.kernels.host import merge_models
from tests.schedules.conv2d_cases import Convolution
from tests.tuning.conftest import BOARD, Tune, conditions, records_of
from utvm.boards import Board
from utvm.codegen.limits import Limits
from utvm.codegen.program import Program
from utvm.compiler import compile_model
from utvm.demo import load_digits
from utvm.model import Model
from utvm.schedules import PORTABLE, candidates
from utvm.session.hosted import HostedSession
from utvm.tuning.apply import apply_records
from utvm.tuning.measure import Measurer
from utvm.tuning.records import RecordWriter
from utvm.tuning.search import EnumeratedSearch, OptunaSearch, fits, open_search
from utvm.tuning.tasks import places_of, tasks_of
from utvm.tuning.tuner import Effort, tune


def test_the_best_is_recorded_and_compiled(convolution: Model, board: Board, tuned: Tune, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    result = tuned(convolution, file, trials=6, jobs=2)
    (task,) = result.tasks
    records = records_of(file)
    assert result.measured == task.tried == len(records) == 6
    cycles = {record.schedule: record.cycles for record in records}
    assert len(cycles) == 6 and task.failures == {}
    assert task.best is not None and task.best_cycles == cycles[task.best] == min(filter(None, cycles.values()))
    assert task.default_cycles == cycles[task.default]
    applied = apply_records(records, convolution, board)
    assert applied.schedules == {"conv": task.best} and applied.remarks == ()
    program = compile_model(convolution, board, applied.schedules)
    assert [call.schedule for call in program.calls] == [str(task.best)]


def test_what_is_recorded_is_not_measured_again(convolution: Model, tuned: Tune, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    first = tuned(convolution, file, trials=4)
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:2]) + "\n" + lines[2][:40])
    second = tuned(convolution, file, trials=4)
    assert (second.measured, second.tasks[0].reused, second.tasks[0].tried) == (2, 2, 4)
    assert second.tasks[0].best == first.tasks[0].best
    assert len({record.schedule for record in records_of(file)}) == 4


def test_stale_records_are_said_and_measured_again(convolution: Model, tuned: Tune, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    tuned(convolution, file, trials=4)
    old = json.loads(file.read_text().splitlines()[0])
    changed: list[dict[str, object]] = [
        {"utvm": "0.0.1"},
        {"board": "another"},
        {"counting": "by hand"},
        {"schedule": {"template": "forgotten", "knobs": {}}},
        {"schedule": {"template": "conv2d_strip", "knobs": {"pixels": 77}}},
    ]
    other = tmp_path / "other.jsonl"
    other.write_text("".join(json.dumps({**old, **change}) + "\n" for change in changed))
    result = tuned(convolution, other, trials=4)
    assert result.measured == 4 and sum(result.stale.values()) == 5
    assert result.stale["a schedule that is illegal now"] == 2
    assert any("another version" in reason for reason in result.stale)
    newer = tuned(convolution, file, trials=4, now=conditions(toolchain="another compiler"))
    assert newer.measured == 4 and newer.stale == {"measured with a compiler": 4}


def test_kill_9_loses_only_what_was_in_flight(tmp_path: Path) -> None:
    file = tmp_path / "digits.jsonl"
    arguments = ["tune", str(load_digits().model_path), "-b", BOARD, "-s", str(file), "-n", "10", "-j", "1", "--json"]
    command = [sys.executable, "-m", "utvm", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (file.exists() and file.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    kept = records_of(file)
    assert kept
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    assert sum(task["reused"] for task in document["operators"]) == len(kept)
    everything = [(record.key, record.schedule) for record in records_of(file)]
    assert len(everything) == len(set(everything)) == len(kept) + document["measured"]
    assert all(task["best_cycles"] for task in document["operators"])


def test_ctrl_c_keeps_what_was_measured_and_records_no_failure(tmp_path: Path) -> None:
    file = tmp_path / "digits.jsonl"
    arguments = ["tune", str(load_digits().model_path), "-b", BOARD, "-s", str(file), "-n", "30", "--json"]
    command = [sys.executable, "-m", "utvm", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 120
        while not (file.exists() and file.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: compilers get it too
        output = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert json.loads(output)["error"]["type"] == "Interrupted"
    kept = records_of(file)
    assert kept and {record.failure.kind for record in kept if record.failure is not None} <= {"too slow"}


def test_the_time_limit_ends_the_search(convolution: Model, tmp_path: Path, board: Board) -> None:
    def never(program: Program) -> HostedSession:
        raise AssertionError(f"{program.model} is measured though the time is up")

    with RecordWriter(tmp_path / "records.jsonl") as writer:
        tasks = tasks_of(places_of(convolution, board))
        result = tune(tasks, Measurer(board, never), conditions(), writer, effort=Effort(time_limit_s=0.0))
    assert result.out_of_time and result.measured == 0


def test_little_memory_leaves_the_portable_kernel(convolution: Model, tuned: Tune, tmp_path: Path) -> None:
    (task,) = tuned(convolution, tmp_path / "records.jsonl", trials=4, max_ram_bytes=0).tasks
    assert task.best == PORTABLE and task.tried == 1 and task.too_large > 4


def test_little_flash_leaves_the_small_schedules(board: Board) -> None:
    model = Convolution((1, 12, 12, 48), 48, (3, 3)).model()
    (free,) = places_of(model, board)
    (short,) = places_of(model, board, Limits(max_flash_bytes=40_000))
    templates = [
        {schedule.template for schedule in candidates(place.site) if fits(place, schedule)} for place in (free, short)
    ]
    assert templates[0] - templates[1] == {"conv2d_winograd"} and "conv2d_strip" in templates[1]


def test_a_small_space_is_enumerated_and_a_large_one_searched(convolution: Model, board: Board) -> None:
    (place,) = places_of(convolution, board)
    every = list(candidates(place.site))
    assert isinstance(open_search(place, len(every)), EnumeratedSearch)
    search = open_search(place, len(every) // 2)
    assert isinstance(search, OptunaSearch)
    proposed = []
    while (schedule := search.ask()) is not None:
        proposed.append(schedule)
        search.tell(schedule, 1000 + len(proposed) if len(proposed) % 5 else None)
    assert len(proposed) == len(set(proposed)) <= len(every) // 2
    assert len(proposed) > len(every) // 4 and set(proposed) <= set(every)
    again = open_search(place, 3)
    assert again.ask() == proposed[0]


def test_equal_operators_are_tuned_once(board: Board) -> None:
    one, other = Convolution((1, 5, 5, 4), 4, (1, 1)), Convolution((1, 5, 5, 4), 4, (1, 1), seed=1)
    merged = merge_models([one.model(), one.model(), other.model()])
    tasks = tasks_of(places_of(merged, board))
    assert sorted(task.count for task in tasks) == [1, 2]
    assert len({task.place.key.structure for task in tasks}) == 1
