"""A small convolution, and tuning it on the virtual F746."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pytest

from tests.schedules.conv2d_cases import Convolution
from utvm.boards import Board, load_board
from utvm.codegen.program import Program
from utvm.model import Model
from utvm.schedules import registry, selection
from utvm.schedules.template import Template
from utvm.session.standalone import StandaloneSession
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
    ) -> TuningResult: ...


@pytest.fixture
def tuned(board: Board) -> Tune:
    def opened(program: Program) -> StandaloneSession:
        return StandaloneSession(program, board)

    def tune_to_file(
        model: Model,
        file: Path,
        trials: int = 4,
        now: Conditions = conditions(),  # noqa: B008 - frozen
        timeout_s: float = 30.0,
        jobs: int = 1,
        max_ram_bytes: int | None = None,
    ) -> TuningResult:
        known = load_records([file]) if file.exists() else Records()
        tasks = tasks_of(places_of(model, board, max_ram_bytes))
        with RecordWriter(file) as writer:
            return tune(tasks, Measurer(board, opened, timeout_s), now, writer, known, Effort(trials, jobs))

    return tune_to_file


def use_templates(monkeypatch: pytest.MonkeyPatch, templates: Sequence[Template]) -> None:
    """The table of templates is another for the time of a test."""
    monkeypatch.setattr(registry, "TEMPLATES", tuple(templates))
    monkeypatch.setattr(selection, "TEMPLATES", tuple(templates))


def records_of(file: Path) -> list[Record]:
    return list(load_records([file]))
