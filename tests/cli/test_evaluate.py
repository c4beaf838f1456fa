"""`utvm evaluate` with the digits, on boards that answer at once and on the virtual one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Invoke, only_json
from tests.cli.fakes import FakeBoards
from utvm.compiler import load_model
from utvm.demo import load_digits
from utvm.model import Array

BOARD = "stm32f746-disco"
COUNT = 24


@pytest.fixture(scope="module")
def boards() -> FakeBoards:
    return FakeBoards(load_model(load_digits().model_path))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    digits = load_digits()
    path = tmp_path / "digits.npz"
    np.savez(path, inputs=digits.inputs[:COUNT], labels=digits.labels[:COUNT])
    return path


def model() -> Path:
    return load_digits().model_path


def test_accuracy_and_confusion_are_those_of_litert(utvm: Invoke, boards: FakeBoards, data: Path) -> None:
    result = utvm("evaluate", model(), "-b", BOARD, "--data", data, "--json", services=boards.services)
    assert result.exit_code == 0, result.stderr
    document = only_json(result)
    digits = load_digits()
    predictions = digits.answers[:COUNT].argmax(axis=1)
    labels = digits.labels[:COUNT]
    confusion = np.zeros((10, 10), int)
    for label, predicted in zip(labels, predictions, strict=True):
        confusion[label, predicted] += 1
    assert document["predictions"] == predictions.tolist()
    assert document["confusion"] == confusion.tolist()
    assert document["accuracy"] == (predictions == labels).mean()
    assert (document["agreeing"], document["mismatches"], document["images"]) == (COUNT, 0, COUNT)


def test_the_text_has_matrix_accuracy_and_agreement(utvm: Invoke, boards: FakeBoards, data: Path) -> None:
    result = utvm("evaluate", model(), "-b", BOARD, "--data", data, services=boards.services)
    assert result.exit_code == 0, result.stderr
    assert f"of {COUNT} as labelled" in result.stdout
    assert f"agreement: {COUNT} of {COUNT}" in result.stdout
    assert "label \\ predicted" in result.stdout


def test_an_answer_that_differs_ends_with_status_1(utvm: Invoke, data: Path) -> None:
    def spoil(outputs: dict[str, Array]) -> dict[str, Array]:
        return {name: np.ascontiguousarray(value[..., ::-1]) for name, value in outputs.items()}

    boards = FakeBoards(load_model(model()), spoil)
    result = utvm("evaluate", model(), "-b", BOARD, "--data", data, "--json", services=boards.services)
    assert result.exit_code == 1
    document = only_json(result)
    assert document["agreeing"] < COUNT and document["mismatches"] > 0


def test_limit_and_no_check(utvm: Invoke, boards: FakeBoards, data: Path) -> None:
    arguments = ("evaluate", model(), "-b", BOARD, "--data", data, "--limit", 3, "--no-check", "--json")
    document = only_json(utvm(*arguments, services=boards.services))
    assert (document["images"], document["agreeing"], document["check"]) == (3, None, None)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"inputs": np.zeros((2, 8, 8, 1), np.int8)}, "`inputs` and `labels`"),
        ({"inputs": np.zeros((2, 8, 8, 1), np.int8), "labels": np.zeros(3, np.int8)}, "for 2 inputs"),
        ({"inputs": np.zeros((2, 8, 8, 1), np.int8), "labels": np.array([1, 10])}, "classes 0 to 9"),
        ({"inputs": np.zeros((2, 8, 8, 1), np.int8), "labels": np.array([0.5, 1])}, "class number"),
        ({"inputs": np.zeros((2, 7, 8, 1), np.int8), "labels": np.array([0, 1])}, "inputs holds"),
    ],
)
def test_data_that_does_not_fit_is_a_usage_error(
    utvm: Invoke, boards: FakeBoards, tmp_path: Path, arrays: dict[str, Array], message: str
) -> None:
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    result = utvm("evaluate", model(), "-b", BOARD, "--data", path, services=boards.services)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize("via", [None, "virtual"])
def test_on_the_virtual_board(utvm: Invoke, data: Path, via: str | None) -> None:
    way = [] if via is None else ["--via", via]
    result = utvm("evaluate", model(), "-b", BOARD, "--data", data, "--limit", 4, *way, "--json")
    assert result.exit_code == 0, result.stderr
    document = only_json(result)
    assert document["agreeing"] == 4
    assert document["predictions"] == load_digits().answers[:4].argmax(axis=1).tolist()


def test_a_way_that_is_none(utvm: Invoke, data: Path) -> None:
    result = utvm("evaluate", model(), "-b", BOARD, "--data", data, "--via", "pigeon")
    assert result.exit_code == 2
    assert "'pigeon'" in result.stderr


def test_hosted_in_the_arena(utvm: Invoke, data: Path) -> None:
    result = utvm("evaluate", model(), "-b", "host", "--via", "arena", "--data", data, "--limit", 3, "--json")
    assert result.exit_code == 0, result.stderr
    document = only_json(result)
    assert (document["via"], document["agreeing"], document["mismatches"]) == ("arena", 3, 0)
