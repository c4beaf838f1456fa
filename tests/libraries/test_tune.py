"""The tuner tries a library's templates, and counts their wrong answers as such."""

from __future__ import annotations

from pathlib import Path

from tests.libraries.conftest import PLAIN_NN, Changed
from tests.schedules.conv2d_cases import Convolution
from utvm.boards import load_board
from utvm.libraries import load_library, use_libraries
from utvm.session.benches import Benches
from utvm.transports import open_transport
from utvm.tuning.apply import apply_records
from utvm.tuning.conditions import Conditions, utvm_version
from utvm.tuning.measure import Measurer
from utvm.tuning.records import Record, RecordWriter, load_records
from utvm.tuning.tasks import places_of, tasks_of
from utvm.tuning.tuner import Effort, tune

BOARD = load_board("stm32f746-disco")
MODEL = Convolution((1, 6, 6, 4), 4, (3, 3)).model()


def tuned(library: Path, file: Path) -> list[Record]:
    """Records of the convolution, the library's schedule among them."""
    conditions = Conditions(BOARD.name, BOARD.core.name, "virtual", "dtcm", "a compiler", utvm_version())
    boards = Benches(BOARD, lambda: open_transport(BOARD))
    with use_libraries([load_library(library)]), RecordWriter(file) as writer, boards:
        tune(tasks_of(places_of(MODEL, BOARD)), Measurer(BOARD, boards), conditions, writer, (), Effort(trials=24))
    return [record for record in load_records([file]) if record.schedule.template == "plain-nn/convolve"]


def test_it_is_tried_and_its_records_are_applied(tmp_path: Path) -> None:
    (record,) = tuned(PLAIN_NN, tmp_path / "records.jsonl")
    assert record.failure is None and record.cycles is not None and record.cycles > 0
    with use_libraries([load_library(PLAIN_NN)]):
        assert apply_records([record], MODEL, BOARD).schedules == {"conv": record.schedule}
    without = apply_records([record], MODEL, BOARD)
    assert not without.schedules and "give it with --library" in without.remarks[0]


def test_a_wrong_answer_is_counted_as_one(changed: Changed, tmp_path: Path) -> None:
    wrong = changed({"src/convolve.c": ("(scaled + layer", "(scaled - 1 + layer")})
    (record,) = tuned(wrong, tmp_path / "records.jsonl")
    assert record.failure is not None and record.failure.kind == "wrong answer"


def test_what_does_not_compile_is_counted_as_that(changed: Changed, tmp_path: Path) -> None:
    (record,) = tuned(changed({"src/convolve.c": ("return 7;", "return seven;")}), tmp_path / "records.jsonl")
    assert record.failure is not None and record.failure.kind == "compile"
    assert "src/convolve.c" in record.failure.message
