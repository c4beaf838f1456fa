"""`utvm demo` on a board that answers at once."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Invoke, only_json
from tests.cli.fakes import FakeBoards
from utvm.compiler import load_model
from utvm.demo import load_digits
from utvm.model import Array


@pytest.fixture(scope="module")
def boards() -> FakeBoards:
    return FakeBoards(load_model(load_digits().model_path))


def test_the_story(utvm: Invoke, boards: FakeBoards) -> None:
    result = utvm("demo", "--images", 12, services=boards.services)
    assert result.exit_code == 0, result.stderr
    text = result.stdout
    assert "digits_int8.tflite on STM32F746G Discovery" in text
    assert "read" in text and ("█" in text or "#" in text)
    assert "of 12 held-out images read as their labels say" in text
    assert "0 mismatches of 120 elements in 12 runs (against LiteRT's stored answers)" in text
    assert "activations" in text and "constants" in text and "DepthwiseConv2D" in text
    assert text.rstrip().splitlines()[-3].startswith("Next, a network of your own: utvm run YOUR.tflite --board")


def test_json(utvm: Invoke, boards: FakeBoards) -> None:
    document = only_json(utvm("demo", "-n", 7, "--json", services=boards.services))
    digits = load_digits()
    assert document["images"] == document["runs"] == 7
    assert document["labels"] == digits.labels[:7].tolist()
    assert document["predictions"] == digits.answers[:7].argmax(axis=1).tolist()
    assert document["accuracy"] == document["correct"] / 7
    assert document["mismatches"] == 0


def test_answers_that_are_not_litert_s(utvm: Invoke) -> None:
    def swap(outputs: dict[str, Array]) -> dict[str, Array]:
        return {name: value[..., ::-1].copy() for name, value in outputs.items()}

    boards = FakeBoards(load_model(load_digits().model_path), spoil=swap)
    result = utvm("demo", "-n", 2, services=boards.services)
    assert result.exit_code == 1
    assert "differ from LiteRT's" in result.stderr
