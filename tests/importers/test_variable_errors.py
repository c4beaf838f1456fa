"""Files whose variables make no sense, or that ask for more than there is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.importers.damage import refusal
from tests.litert import ModelBuilder, TensorHandle
from tests.streaming.variable_models import handle, initialise
from utvm.errors import UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.importers.tflite.variables import MAX_STATES
from utvm.model import Array

Build = Callable[[ModelBuilder, TensorHandle, TensorHandle], None]


def _model(build: Build, initial: Array | None = None) -> bytes:
    """An input `x`, an output `y`, and what `build` puts between them."""
    builder = ModelBuilder()
    if initial is not None:
        initialise(builder, {"v": initial})
    x = builder.input("x", (1, 4), scale=0.1)
    y = builder.tensor("y", (1, 4), scale=0.1)
    build(builder, x, y)
    builder.output(y)
    return builder.finish()


def _read(builder: ModelBuilder, variable: TensorHandle) -> TensorHandle:
    value = builder.tensor("value", (1, 4), scale=0.1)
    builder.operator("READ_VARIABLE", [variable], [value])
    return value


def _reason(data: bytes) -> str:
    with pytest.raises(UnsupportedModelError) as caught:
        import_tflite(data, "m.tflite")
    return str(caught.value)


def test_a_variable_that_nothing_gives_a_value() -> None:
    def build(builder: ModelBuilder, x: TensorHandle, y: TensorHandle) -> None:
        builder.operator("ADD", [x, _read(builder, handle(builder, "v"))], [y])

    assert "variable v is read before anything gives it a value; initialise it (CALL_ONCE)" in refusal(_model(build))


def test_a_read_before_the_first_assignment() -> None:
    def build(builder: ModelBuilder, x: TensorHandle, y: TensorHandle) -> None:
        variable = handle(builder, "v")
        builder.operator("ADD", [x, _read(builder, variable)], [y])
        builder.operator("ASSIGN_VARIABLE", [variable, y], [])

    assert "variable v is read before anything gives it a value" in refusal(_model(build))


def test_what_is_no_handle() -> None:
    def build(builder: ModelBuilder, x: TensorHandle, y: TensorHandle) -> None:
        builder.operator("ADD", [x, _read(builder, builder.tensor("h", (), "resource"))], [y])

    assert "input 0 (h) is not the handle of a variable (VAR_HANDLE gives one)" in refusal(_model(build))

    def assign(builder: ModelBuilder, x: TensorHandle, y: TensorHandle) -> None:
        builder.operator("RELU", [x], [y])
        builder.operator("ASSIGN_VARIABLE", [x, y], [])

    assert "input 0 (x) is not the handle of a variable" in refusal(_model(assign))


def test_a_handle_elsewhere() -> None:
    def build(builder: ModelBuilder, x: TensorHandle, y: TensorHandle) -> None:
        builder.operator("ADD", [x, handle(builder, "v")], [y])

    assert "handles of variables go to READ_VARIABLE and ASSIGN_VARIABLE only" in _reason(_model(build))

    builder = ModelBuilder()
    variable = builder.input("h", (), "resource")
    builder.operator("RELU", [builder.input("x", (1, 4), scale=0.1)], [y := builder.tensor("y", (1, 4), scale=0.1)])
    builder.operator("ASSIGN_VARIABLE", [variable, y], [])
    builder.output(y)
    assert "input 0 (h) is not the handle" in refusal(builder.finish())


def test_types_that_differ() -> None:
    def assign(builder: ModelBuilder, x: TensorHandle, y: TensorHandle) -> None:
        variable = handle(builder, "v")
        builder.operator("ADD", [x, _read(builder, variable)], [y])
        wide = builder.tensor("wide", (2, 2), scale=0.1)
        builder.operator("RESHAPE", [y, builder.constant("shape", np.array([2, 2], np.int32))], [wide])
        builder.operator("ASSIGN_VARIABLE", [variable, wide], [])

    initial = np.zeros((1, 4), np.int8)
    assert "variable v is int8[1, 4], but is assigned int8[2, 2]" in refusal(_model(assign, initial))

    def keep(builder: ModelBuilder, x: TensorHandle, y: TensorHandle) -> None:
        variable = handle(builder, "v")
        builder.operator("ADD", [x, _read(builder, variable)], [y])
        builder.operator("ASSIGN_VARIABLE", [variable, y], [])

    message = refusal(_model(keep, np.zeros((4,), np.int8)))
    assert "variable v begins as int8[4], but is used as value: int8[1x4]" in message


@pytest.mark.parametrize("index", [0, 7])
def test_a_subgraph_that_is_not_there(index: int) -> None:
    def build(builder: ModelBuilder, x: TensorHandle, y: TensorHandle) -> None:
        builder.operator("CALL_ONCE", [], [], {"InitSubgraphIndex": index})
        builder.operator("RELU", [x], [y])

    assert f"there is no subgraph {index} to run once; there are 1" in refusal(_model(build))


def test_a_subgraph_that_computes() -> None:
    builder = ModelBuilder()
    index, graph = builder.subgraph("init")
    value = graph.constant("value", np.zeros((1, 4), np.int8), scale=0.1)
    rectified = graph.tensor("rectified", (1, 4), scale=0.1)
    graph.operator("RELU", [value], [rectified])
    graph.operator("ASSIGN_VARIABLE", [handle(graph, "v"), rectified], [])
    builder.operator("CALL_ONCE", [], [], {"InitSubgraphIndex": index})
    x, y = builder.input("x", (1, 4), scale=0.1), builder.tensor("y", (1, 4), scale=0.1)
    builder.operator("RELU", [x], [y])
    builder.output(y)
    reason = _reason(builder.finish())
    assert "CALL_ONCE" in reason
    assert f"its subgraph {index} computes with RELU; only constants are supported there" in reason


def test_an_initialisation_that_comes_too_late() -> None:
    builder = ModelBuilder()
    x, y = builder.input("x", (1, 4), scale=0.1), builder.tensor("y", (1, 4), scale=0.1)
    variable = handle(builder, "v")
    builder.operator("ASSIGN_VARIABLE", [variable, x], [])
    initialise(builder, {"v": np.zeros((1, 4), np.int8)})
    builder.operator("ADD", [x, _read(builder, variable)], [y])
    builder.output(y)
    assert "it runs after variables were read or written" in _reason(builder.finish())


def test_too_many_variables() -> None:
    def build(builder: ModelBuilder, x: TensorHandle, y: TensorHandle) -> None:
        builder.operator("RELU", [x], [y])
        for number in range(MAX_STATES + 1):
            builder.operator("ASSIGN_VARIABLE", [handle(builder, f"v{number}"), x], [])

    assert f"over {MAX_STATES} variables" in refusal(_model(build))


@pytest.mark.parametrize("end", ["input", "output"])
def test_a_variable_tensor_at_the_end_of_the_model(end: str) -> None:
    builder = ModelBuilder()
    x, y = builder.input("x", (1, 4), scale=0.1), builder.tensor("y", (1, 4), scale=0.1)
    v = builder.variable("v", (1, 4), scale=0.1)
    builder.operator("RELU", [x], [y])
    builder.output(y)
    if end == "output":
        builder.output(v)
    else:
        builder._inputs.append(v.index)
    assert f"{end} 'v' is a variable tensor; take it off the {end}s" in refusal(builder.finish())


def test_a_variable_tensor_that_is_written() -> None:
    builder = ModelBuilder()
    x, y = builder.input("x", (1, 4), scale=0.1), builder.tensor("y", (1, 4), scale=0.1)
    v = builder.variable("v", (1, 4), scale=0.1)
    builder.operator("RELU", [x], [v])
    builder.operator("RELU", [x], [y])
    builder.output(y)
    assert "tensor v: a variable tensor, which RELU does not take" in _reason(builder.finish())
