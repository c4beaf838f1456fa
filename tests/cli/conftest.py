"""Small model files, and a way to run the command line in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import click.testing
import numpy as np
import pytest

from tests.cli.fakes import FakeBoards
from tests.litert.builder import ModelBuilder
from utvm.cli.app import cli
from utvm.cli.services import Services
from utvm.compiler import load_model


class Invoke(Protocol):
    """Runs `utvm` with arguments, as Click's test runner does."""

    def __call__(self, *args: object, services: Services | None = None) -> click.testing.Result:
        """The result: exit_code, stdout, stderr."""


@pytest.fixture
def utvm() -> Invoke:
    def invoke(*args: object, services: Services | None = None) -> click.testing.Result:
        return click.testing.CliRunner().invoke(cli, [str(arg) for arg in args], obj=services)

    return invoke


@pytest.fixture(scope="session")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One input x int8[1x6], one output y int8[1x4]: fully connected, then ReLU."""
    builder = ModelBuilder()
    x = builder.input("x", (1, 6), scale=0.5, zero_point=3)
    weights = builder.constant("w", np.arange(-12, 12, dtype=np.int8).reshape(4, 6), scale=0.25)
    bias = builder.constant("b", np.array([1, -2, 3, -4], np.int32), scale=0.125)
    middle = builder.tensor("middle", (1, 4), scale=1.0, zero_point=-4)
    y = builder.tensor("y", (1, 4), scale=1.0, zero_point=-4)
    builder.operator("FULLY_CONNECTED", [x, weights, bias], [middle])
    builder.operator("RELU", [middle], [y])
    builder.output(y)
    return _written(builder, tmp_path_factory, "dense.tflite")


@pytest.fixture(scope="session")
def two_by_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two inputs `left`, `right` int8[1x4] and two outputs `sum`, `file` int8[1x4]."""
    builder = ModelBuilder()
    left = builder.input("left", (1, 4), scale=0.5, zero_point=0)
    right = builder.input("right", (1, 4), scale=0.5, zero_point=0)
    total = builder.tensor("sum", (1, 4), scale=1.0, zero_point=0)
    rectified = builder.tensor("file", (1, 4), scale=0.5, zero_point=0)
    builder.operator("ADD", [left, right], [total])
    builder.operator("RELU", [right], [rectified])
    builder.output(total)
    builder.output(rectified)
    return _written(builder, tmp_path_factory, "two_by_two.tflite")


@pytest.fixture(scope="session")
def too_large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An activation of 4 MB, which no board's RAM holds."""
    builder = ModelBuilder()
    x = builder.input("large_image", (1, 1000, 1000, 4), scale=0.5, zero_point=0)
    y = builder.tensor("also_large", (1, 1000, 1000, 4), scale=0.5, zero_point=0)
    builder.operator("RELU", [x], [y])
    builder.output(y)
    return _written(builder, tmp_path_factory, "too_large.tflite")


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 million multiply-accumulates in one layer, a good part of a second on a virtual board."""
    builder = ModelBuilder()
    x = builder.input("x", (512, 256), scale=0.5, zero_point=0)
    weights = builder.constant("w", np.ones((64, 256), np.int8), scale=0.25)
    y = builder.tensor("y", (512, 64), scale=8.0, zero_point=0)
    builder.operator("FULLY_CONNECTED", [x, weights, builder.constant("b", np.zeros(64, np.int32), scale=0.125)], [y])
    builder.output(y)
    return _written(builder, tmp_path_factory, "slow.tflite")


@pytest.fixture
def dense_boards(dense: Path) -> FakeBoards:
    """Boards that answer the dense model rightly."""
    return FakeBoards(load_model(dense))


def _written(builder: ModelBuilder, factory: pytest.TempPathFactory, name: str) -> Path:
    path = factory.mktemp("models") / name
    path.write_bytes(builder.finish())
    return path


def only_json(result: click.testing.Result) -> dict[str, Any]:
    """Standard output as the one JSON object that it must be."""
    document = json.loads(result.stdout)
    assert isinstance(document, dict)
    return document
