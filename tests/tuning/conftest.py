"""A small convolution, and tuning it on the virtual F746."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import pytest

from tests.schedules.conv2d_cases import Convolution
from utvm.boards import Board, load_board
from utvm.codegen.limits import Limits
from utvm.model import Model
from utvm.schedules import registry
from utvm.schedules.template import Template
from utvm.session.benches import Benches
from utvm.transports import open_transport
from utvm.tuning.conditions import Conditions, utvm_version
from utvm.tuning.measure import Measurer
from utvm.tuning.records import Record, Records, RecordWriter, load_records
from utvm.tuning.tasks import places_of, tasks_of
from utvm.tuning.tuner import Effort, TuningResult, tune

BOARD = "stm32f746-disco"


@pytest.fixture(scope="session")
def board() -> Board:
    return load_board(BOARD)


@pytest.fixture(scope="session")
def convolution() -> Model:
    return Convolution((1, 6, 6, 4), 4, (3, 3)).model()


def conditions(**changed: str) -> Conditions:
    values = {
        "board": BOARD,
        "core": "cortex-m7",
        "counting": "virtual",
        "arena": "dtcm",
        "toolchain": "a compiler",
        "utvm": utvm_version(),
    }
    return Conditions(**{**values, **changed})


class Tune(Protocol):
    """Tunes a model into a file, knowing what the file holds."""

    def __call__(
        self,
        model: Model,
        file: Path,
        trials: int = ...,
        now: Conditions = ...,
        timeout_s: float = ...,
        jobs: int = ...,
        max_ram_bytes: int | None = ...,
        patience: int = ...,
    ) -> TuningResult: ...


@pytest.fixture(scope="session")
def benches(board: Board) -> Iterator[Benches]:
    """Boards that all tests of a process share, as a tuning's schedules do."""
    with Benches(board, lambda: open_transport(board)) as opened:
        yield opened


@pytest.fixture
def tuned(board: Board, benches: Benches) -> Tune:

    def tune_to_file(
        model: Model,
        file: Path,
        trials: int = 4,
        now: Conditions = conditions(),  # noqa: B008 - frozen
        timeout_s: float = 30.0,
        jobs: int = 1,
        max_ram_bytes: int | None = None,
        patience: int = 3,
    ) -> TuningResult:
        known = load_records([file]) if file.exists() else Records()
        tasks = tasks_of(places_of(model, board, Limits(max_ram_bytes)))
        with RecordWriter(file) as writer:
            return tune(tasks, Measurer(board, benches, timeout_s, patience), now, writer, known, Effort(trials, jobs))

    return tune_to_file


def use_templates(monkeypatch: pytest.MonkeyPatch, templates: Sequence[Template]) -> None:
    """The table of templates is another for the time of a test."""
    monkeypatch.setattr(registry, "TEMPLATES", tuple(templates))


def records_of(file: Path) -> list[Record]:
    return list(load_records([file]))
