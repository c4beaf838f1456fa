"""Tuning records: one measured schedule a line of JSON, in files that are appended to, merged and filtered."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

from utvm.errors import ScheduleError, UsageError
from utvm.schedules import Schedule
from utvm.tuning.conditions import Conditions
from utvm.tuning.keys import OperatorKey

FailureKind = Literal["compile", "wrong answer", "timeout", "too slow", "fault", "transport", "out of memory"]
_SHOWN_LINES = 3
FAILURE_KINDS: tuple[FailureKind, ...] = get_args(FailureKind)


@dataclass(frozen=True)
class Failure:
    """Why a schedule has no cycles: its class, and what was said."""

    kind: FailureKind
    message: str


@dataclass(frozen=True)
class Record:
    """A schedule of an operator, measured: core cycles of one call, or the failure. `layer` names it for readers."""

    key: OperatorKey
    operator: str
    layer: str
    conditions: Conditions
    schedule: Schedule
    cycles: int | None = None
    failure: Failure | None = None

    def to_json(self) -> str:
        """One line that `from_json` reads back."""
        document = {
            "key": self.key.exact,
            "structure": self.key.structure,
            "operator": self.operator,
            "layer": self.layer,
            **asdict(self.conditions),
            "schedule": {"template": self.schedule.template, "knobs": dict(self.schedule.knobs)},
            "cycles": self.cycles,
            "failure": None if self.failure is None else asdict(self.failure),
        }
        return json.dumps(document, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> Record:
        """Read a record; ScheduleError saying what is wrong with it."""
        try:
            document = json.loads(text)
            key = OperatorKey(_text(document, "key"), _text(document, "structure"))
            conditions = Conditions(**{name: _text(document, name) for name in Conditions.__dataclass_fields__})
            schedule = Schedule.from_json(json.dumps(document["schedule"]))
            cycles, failed = document["cycles"], document["failure"]
            failure = None if failed is None else Failure(failed["kind"], _text(failed, "message"))
            operator, layer = _text(document, "operator"), _text(document, "layer")
        except (ScheduleError, ValueError, KeyError, TypeError) as error:
            raise ScheduleError(f"not a tuning record ({type(error).__name__}: {error}): {text[:80]!r}") from error
        measured = isinstance(cycles, int) and not isinstance(cycles, bool) and cycles >= 0
        if measured == (failure is not None) or (cycles is not None and not measured):
            raise ScheduleError(f"not a tuning record (neither cycles nor a failure): {text[:80]!r}")
        if failure is not None and failure.kind not in FAILURE_KINDS:
            raise ScheduleError(f"not a tuning record (unknown failure {failure.kind!r}): {text[:80]!r}")
        return Record(key, operator, layer, conditions, schedule, cycles, failure)


def _text(document: dict[str, object], name: str) -> str:
    value = document[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not text")
    return value


@dataclass(frozen=True)
class Records:
    """Records in the order in which they were written; `unreadable` names lines that were none, by file and line."""

    records: tuple[Record, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def remarks(self) -> list[str]:
        """The first of the lines that were no records, and how many more there were."""
        more = len(self.unreadable) - _SHOWN_LINES
        shown = list(self.unreadable[:_SHOWN_LINES])
        return [*shown, f"{more:,} more lines are no tuning records; is it the right file?"] if more > 0 else shown

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)


def load_records(paths: Iterable[Path]) -> Records:
    """The records of all files, one after the other. Lines that are no records (the last one of a file that a killed
    process wrote, say) are left out and named in `unreadable`. UsageError for a file that cannot be read."""
    found: list[Record] = []
    unreadable: list[str] = []
    for path in paths:
        try:
            if not path.is_file():  # a device may never end
                raise UsageError(f"{path}: cannot read tuning records: no such file")
            lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError as error:
            raise UsageError(f"{path}: cannot read tuning records: {error.strerror}") from error
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                found.append(Record.from_json(line))
            except ScheduleError as error:
                unreadable.append(f"{path}, line {number}: {error}")
    return Records(tuple(found), tuple(unreadable))


class RecordWriter:
    """Appends records to a file, each on the disk before the next; use as a context manager. Raises UsageError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            # Unbuffered: a record that could not be written whole is not tried again when the file is closed.
            self._file = path.open("ab+", buffering=0)
            size = self._file.seek(0, os.SEEK_END)
            if size:
                self._file.seek(size - 1)
                # A killed process may have left half a line: the next record starts one of its own.
                if self._file.read(1) != b"\n":
                    self._file.write(b"\n")
        except OSError as error:
            raise UsageError(f"{path}: cannot write tuning records: {error.strerror}") from error

    def append(self, record: Record) -> None:
        """Write one line. Raises UsageError where the disk is full, say; what was written before is kept."""
        line = record.to_json().encode() + b"\n"
        try:
            written = self._file.write(line)
        except OSError as error:
            raise self._refused(error.strerror or str(error)) from error
        if written != len(line):
            raise self._refused("no space left")

    def _refused(self, reason: str) -> UsageError:
        return UsageError(
            f"{self._path}: cannot write tuning records: {reason}. What was written is kept: the same command goes on"
        )

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
