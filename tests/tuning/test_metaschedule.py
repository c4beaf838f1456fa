"""Operators without a template, tuned by MetaSchedule: recorded, resumed, replayed elsewhere; failures told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click.testing
import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.schedules import portable_cases as cases
from tests.schedules.conv2d_cases import Convolution
from tests.tuning.conftest import BOARD, conditions, records_of, use_templates
from utvm.boards import Board
from utvm.cli.app import cli
from utvm.model import Model
from utvm.model.operator_types import Mean
from utvm.operators.kernel import Kernel
from utvm.schedules import PORTABLE, Schedule, Site
from utvm.schedules.metaschedule.template import MetaSchedule
from utvm.schedules.portable import Portable
from utvm.session.benches import Benches
from utvm.tuning.apply import apply_records
from utvm.tuning.measure import Measurer
from utvm.tuning.metaschedule.process import MetaScheduleProcess
from utvm.tuning.metaschedule.search import MetaScheduleSearch, metaschedule_searches
from utvm.tuning.progress import TaskResult
from utvm.tuning.records import Records, RecordWriter, load_records
from utvm.tuning.tasks import places_of, tasks_of
from utvm.tuning.tuner import Effort, TuningResult, tune


@dataclass(frozen=True)
class Bench:
    """Tunes on the tests' boards; the process is MetaSchedule's."""

    board: Board
    benches: Benches
    process: MetaScheduleProcess

    def tune(self, model: Model, file: Path, trials: int) -> TuningResult:
        known = load_records([file]) if file.exists() else Records()
        tasks = tasks_of(places_of(model, self.board))
        searches = partial(MetaScheduleSearch, self.process)  # whatever templates there are
        measurer = Measurer(self.board, self.benches)
        with RecordWriter(file) as writer:
            return tune(tasks, measurer, conditions(), writer, known, Effort(trials), None, searches)


@pytest.fixture(scope="module")
def bench(board: Board, benches: Benches) -> Iterator[Bench]:
    with MetaScheduleProcess() as process:
        yield Bench(board, benches, process)


def only(result: TuningResult) -> TaskResult:
    (task,) = result.tasks
    return task


@pytest.fixture(scope="module")
def mean_file(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of a mean."""
    file = tmp_path_factory.mktemp("metaschedule") / "mean.jsonl"
    task = only(bench.tune(cases.mean(), file, 8))
    assert (task.tried, task.failures, task.remark) == (8, {}, "")
    portable = next(record for record in records_of(file) if record.schedule == PORTABLE)
    assert task.best_cycles is not None and portable.cycles is not None and task.best_cycles < portable.cycles
    return file


def test_the_portable_kernel_comes_first_and_every_trace_differs(mean_file: Path) -> None:
    schedules = [record.schedule for record in records_of(mean_file)]
    assert schedules[0] == PORTABLE
    assert {schedule.template for schedule in schedules[1:]} == {"metaschedule"}
    assert len(set(schedules)) == 8


def test_what_is_known_is_not_measured_again_and_the_search_goes_on(
    mean_file: Path, bench: Bench, tmp_path: Path
) -> None:
    again = bench.tune(cases.mean(), mean_file, 8)
    assert (again.measured, only(again).reused, only(again).tried) == (0, 8, 8)
    longer = tmp_path / "longer.jsonl"
    longer.write_bytes(mean_file.read_bytes())
    more = bench.tune(cases.mean(), longer, 10)
    assert (more.measured, only(more).reused) == (2, 8)
    assert len({record.schedule for record in records_of(longer)}) == 10


def test_the_fastest_trace_is_applied(mean_file: Path, board: Board) -> None:
    best = min(records_of(mean_file), key=lambda record: record.cycles or 1 << 60)
    applied = apply_records(records_of(mean_file), cases.mean(), board)
    assert applied.schedules == {"mean": best.schedule} and applied.remarks == ()


def test_a_retrained_network_profits(mean_file: Path, board: Board) -> None:
    model = cases.mean()
    (operator,) = model.operators
    assert isinstance(operator, Mean)
    retrained = replace(model, operators=(replace(operator, input_zero_point=9),))
    assert apply_records(records_of(mean_file), retrained, board).schedules["mean"].template == "metaschedule"


def test_a_garbled_or_stale_trace_is_said_and_the_next_is_used(mean_file: Path, board: Board) -> None:
    records = sorted(records_of(mean_file), key=lambda record: record.cycles or 1 << 60)
    garbled = replace(records[0], schedule=Schedule.of("metaschedule", {"trace": "[[], 3]"}), cycles=1)
    applied = apply_records([*records, garbled], cases.mean(), board)
    assert applied.schedules == {"mean": records[0].schedule}
    assert len(applied.remarks) == 1 and "not a trace" in applied.remarks[0]
    old = [replace(record, conditions=conditions(utvm="0.0.1")) for record in records]
    applied = apply_records(old, cases.mean(), board)
    assert applied.schedules == {} and "another version" in applied.remarks[0]


def test_wrong_answers_are_counted_and_never_the_best(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = MetaSchedule.kernel
    spoiled: set[Schedule] = set()

    def kernel(self: MetaSchedule, site: Site, schedule: Schedule) -> Kernel:
        """Of every other trace, the kernel of an operator with another zero point."""
        if schedule in spoiled or len(spoiled) < 2:
            spoiled.add(schedule)
            assert isinstance(site.operator, Mean)
            site = replace(site, operator=replace(site.operator, output_zero_point=3))
        return right(self, site, schedule)

    monkeypatch.setattr(MetaSchedule, "kernel", kernel)
    file = tmp_path / "records.jsonl"
    task = only(bench.tune(cases.mean(), file, 5))
    assert task.failures == {"wrong answer": 2}
    assert task.best not in spoiled and task.best is not None
    failed = {record.schedule for record in records_of(file) if record.failure is not None}
    assert failed == spoiled


def test_what_cannot_be_scheduled_keeps_its_portable_kernel(bench: Bench, tmp_path: Path) -> None:
    task = only(bench.tune(cases.arg_max(), tmp_path / "records.jsonl", 4))
    assert (task.tried, task.best) == (1, PORTABLE)
    assert task.remark == "not for MetaSchedule: the statement IfThenElse has no form with blocks"


def test_operators_with_templates_are_searched_as_ever(
    bench: Bench, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place,) = places_of(Convolution((1, 6, 6, 4), 4, (3, 3)).model(), board)
    assert not isinstance(metaschedule_searches(bench.process)(place, 4, 0), MetaScheduleSearch)
    use_templates(monkeypatch, [Portable()])
    assert isinstance(metaschedule_searches(bench.process)(place, 4, 0), MetaScheduleSearch)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os; os.abort()", "MetaSchedule's process was ended by SIGABRT"),
        ("raise RuntimeError('no such engine')", "no such engine"),
    ],
)
def test_a_process_that_ends_is_said_and_the_rest_goes_on(
    program: str, said: str, board: Board, benches: Benches, tmp_path: Path
) -> None:
    with MetaScheduleProcess((sys.executable, "-c", program)) as broken:
        task = only(Bench(board, benches, broken).tune(cases.mean(), tmp_path / "records.jsonl", 4))
    assert (task.tried, task.best) == (1, PORTABLE) and said in task.remark


def test_a_process_that_ended_is_started_again_and_told_what_is_known(mean_file: Path, board: Board) -> None:
    (place,) = places_of(cases.mean(), board)
    with MetaScheduleProcess() as own:
        search = MetaScheduleSearch(own, place, 20, 0)
        known = records_of(mean_file)
        for record in known:
            search.learn(record.schedule, record.cycles)
        first = search.ask()
        assert own._process is not None
        own._process.kill()
        proposed = {first}
        while (schedule := search.ask()) is not None:
            proposed.add(schedule)
        # It noticed when it needed more, and said so; another search starts a new process.
        assert "SIGKILL" in search.remark
        other = MetaScheduleSearch(own, place, 3, 0)
        other.learn(PORTABLE, 1)
        assert other.ask() is not None
    assert not proposed & {record.schedule for record in known}


# -- from the command line ------------------------------------------------------------------------------------------


def utvm(*arguments: object) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product and a softmax that overwrites it."""
    builder = ModelBuilder()
    x = builder.input("x", (3, 12), scale=0.5, zero_point=3)
    weights = np.arange(-6, 6, dtype=np.int8)
    factors = builder.constant("factors", weights, scale=0.25, zero_point=0)
    product = builder.tensor("product", (3, 12), scale=0.5, zero_point=-1)
    builder.operator("MUL", [x, factors], [product], {"FusedActivationFunction": "NONE"})
    y = builder.tensor("y", (3, 12), scale=1 / 256, zero_point=-128)
    builder.operator("SOFTMAX", [product], [y], {"Beta": 1.0})
    builder.output(y)
    path = tmp_path_factory.mktemp("model") / "product.tflite"
    path.write_bytes(builder.finish())
    return path


@pytest.mark.parametrize("way", [("-b", BOARD), ("-b", "host", "--via", "arena")], ids=["virtual", "arena"])
def test_tuned_and_replayed_in_a_fresh_process(
    way: Sequence[str], model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_templates(monkeypatch, [Portable()])
    file = tmp_path / "records.jsonl"
    command = ["tune", model_file, "-s", file, "-n", 4, "--engine", "metaschedule", "--json", *way]
    done = utvm(*command)
    assert done.exit_code == 0, done.stderr
    operators = json.loads(done.stdout)["operators"]
    assert {item["operator"]: (item["tried"], item["failures"]) for item in operators} == {
        "Mul": (4, {}),
        "Softmax": (4, {}),
    }
    # Only traces, so that one is replayed whatever was fastest.
    lines = [line for line in file.read_text().splitlines() if '"metaschedule"' in line]
    file.write_text("\n".join(lines) + "\n")
    run = [sys.executable, "-m", "utvm", "run", model_file, "--schedules", file, "--check", "--json", *way]
    replayed = subprocess.run([str(item) for item in run], capture_output=True, text=True, check=True)
    document = json.loads(replayed.stdout)
    assert document["mismatches"] == 0
    assert [layer["schedule"].split("(")[0] for layer in document["layers"]] == ["metaschedule", "metaschedule"]


def test_nothing_is_imported_unless_asked() -> None:
    script = (
        "import sys, utvm.cli.app, utvm.cli.commands.tune, utvm.tuning.tuner, utvm.tuning.metaschedule.search\n"
        "print(*sorted(name for name in sys.modules if name.split('.')[0] == 'tvm'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
