"""Records survive their file, and files survive what is no record."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from tests.tuning.conftest import conditions
from utvm.errors import ScheduleError, UsageError
from utvm.schedules import Schedule
from utvm.tuning.keys import OperatorKey
from utvm.tuning.records import FAILURE_KINDS, Failure, Record, RecordWriter, load_records

SCHEDULE = Schedule.of("conv2d_strip", {"pixels": 2, "stacked": True, "order": "rows"})
KEY = OperatorKey("12", "34")
MEASURED = Record(KEY, "Conv2D", "conv µ", conditions(), SCHEDULE, cycles=123)


@pytest.mark.parametrize("failure", [None, *(Failure(kind, "line\nline") for kind in FAILURE_KINDS)])
def test_json_round_trip(failure: Failure | None) -> None:
    record = Record(KEY, "Conv2D", "a", conditions(), SCHEDULE, None if failure else 0, failure)
    line = record.to_json()
    assert "\n" not in line
    assert Record.from_json(line) == record


@pytest.mark.parametrize(
    "change",
    [
        {"cycles": None},
        {"cycles": -1},
        {"cycles": True},
        {"cycles": "12"},
        {"failure": {"kind": "fault", "message": ""}},
        {"cycles": None, "failure": {"kind": "bad luck", "message": ""}},
        {"cycles": None, "failure": "fault"},
        {"schedule": {"knobs": {}}},
        {"schedule": None},
        {"board": 7},
        {"key": None},
    ],
)
def test_what_is_no_record_is_refused(change: dict[str, object]) -> None:
    document = {**json.loads(MEASURED.to_json()), **change}
    with pytest.raises(ScheduleError, match="not a tuning record"):
        Record.from_json(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "7", "{", '"x"', "{}"])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError):
        Record.from_json(text)


def test_half_a_line_at_the_end_costs_that_line_only(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    with RecordWriter(file) as writer:
        writer.append(MEASURED)
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    with RecordWriter(file) as writer:
        writer.append(MEASURED)
    loaded = load_records([file])
    assert list(loaded) == [MEASURED, MEASURED]
    assert len(loaded.unreadable) == 1 and "line 2" in loaded.unreadable[0]


def test_files_are_merged_in_order(tmp_path: Path) -> None:
    other = Record(KEY, "Conv2D", "other", conditions(), SCHEDULE, cycles=5)
    for name, record in (("a", MEASURED), ("b", other)):
        with RecordWriter(tmp_path / name) as writer:
            writer.append(record)
    assert list(load_records([tmp_path / "b", tmp_path / "a"])) == [other, MEASURED]


def test_each_record_is_on_the_disk_at_once(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    with RecordWriter(file) as writer:
        for count in (1, 2):
            writer.append(MEASURED)
            assert len(load_records([file])) == count


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        load_records([tmp_path / "none.jsonl"])
    with pytest.raises(UsageError, match="cannot write"):
        RecordWriter(tmp_path / "none" / "file.jsonl")


def test_a_full_disk_is_one_clear_error_and_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    with RecordWriter(file) as writer:
        writer.append(MEASURED)
    size = file.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + size // 2, hard))
    try:
        with pytest.raises(UsageError, match=r"cannot write tuning records.*kept"), RecordWriter(file) as writer:
            writer.append(MEASURED)
            writer.append(MEASURED)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with RecordWriter(file) as writer:
        writer.append(MEASURED)
    assert list(load_records([file])) == [MEASURED, MEASURED]


def test_a_file_of_something_else_is_said_in_few_lines(tmp_path: Path) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(bytes(range(256)) * 400)
    loaded = load_records([file])
    assert not loaded.records and len(loaded.unreadable) > 100
    assert len(loaded.remarks) == 4 and "more lines" in loaded.remarks[-1]
    with pytest.raises(UsageError, match="no such file"):
        load_records([Path("/dev/zero")])
