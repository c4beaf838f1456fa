"""Bad graphs in a .tflite file: order, values written twice, inputs and outputs."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tests.importers import damage
from tests.importers.damage import (
    conv_model,
    field,
    graph,
    put,
    refusal,
    relu_model,
    root,
    vector,
)
from tests.litert import ModelBuilder
from utvm.importers.tflite import import_tflite

CONV = conv_model()
RELU = relu_model()


def _relus(*edges: tuple[str, str], inputs: tuple[str, ...] = ("x",), outputs: tuple[str, ...]) -> bytes:
    """RELU from tensor to tensor, in this order; `c` is a constant."""
    builder = ModelBuilder()
    handles = {"c": builder.constant("c", np.zeros((1, 8), np.int8), scale=0.1)}
    for name in dict.fromkeys([*inputs, *(name for edge in edges for name in edge)]):
        if name != "c":
            add = builder.input if name in inputs else builder.tensor
            handles[name] = add(name, (1, 8), scale=0.1)
    for source, target in edges:
        builder.operator("RELU", [handles[source]], [handles[target]])
    for name in outputs:
        builder.output(handles[name])
    return builder.finish()


def test_cycle() -> None:
    assert "reads 'b' before anything writes it" in refusal(_relus(("b", "a"), ("a", "b"), outputs=("b",)))


def test_order_that_cannot_run() -> None:
    assert "reads 'a' before anything writes it" in refusal(_relus(("a", "b"), ("x", "a"), outputs=("b",)))


def test_operator_that_reads_its_own_output() -> None:
    assert "reads 'a' before anything writes it" in refusal(_relus(("a", "a"), outputs=("a",)))


@pytest.mark.parametrize("target", ["a", "x", "c"])
def test_tensor_written_twice(target: str) -> None:
    data = _relus(("x", "a"), ("a", "b"), ("b", target), outputs=("b",))
    assert f"writes '{target}', which already has a value" in refusal(data)


def test_output_that_nothing_writes() -> None:
    builder = ModelBuilder()
    builder.input("x", (1, 8), scale=0.1)
    builder.output(builder.tensor("y", (1, 8), scale=0.1))
    assert "output 'y' is never written" in refusal(builder.finish())


def test_constant_output() -> None:
    assert "output 'c' is a constant; take it off the model's outputs" in refusal(
        _relus(("x", "a"), outputs=("a", "c"))
    )


def test_constant_input() -> None:
    data = _relus(("x", "a"), outputs=("a",))
    data = put(data, vector(graph(data), damage.INPUTS) + 4, "i", 0)
    assert "input 'c' is a constant; take it off the model's inputs" in refusal(data)


def test_no_inputs_and_no_outputs() -> None:
    data = _relus(("x", "a"), outputs=("a",))
    assert "the model has no inputs" in refusal(put(data, vector(graph(data), damage.INPUTS), "I", 0))
    assert "the model has no outputs" in refusal(put(data, vector(graph(data), damage.OUTPUTS), "I", 0))


def test_repeated_ends() -> None:
    assert "tensor 'a' is twice among the model's outputs" in refusal(_relus(("x", "a"), outputs=("a", "a")))
    data = _relus(("x", "a"), inputs=("x", "z"), outputs=("a",))
    data = put(data, vector(graph(data), damage.INPUTS) + 8, "i", 1)
    assert "tensor 'x' is twice among the model's inputs" in refusal(data)


@pytest.mark.parametrize("index", [-1, 3, 0x7FFFFFFF])
def test_ends_that_are_not_there(index: int) -> None:
    data = _relus(("x", "a"), outputs=("a",))
    assert f"the model's outputs name tensor {index}" in refusal(
        put(data, vector(graph(data), damage.OUTPUTS) + 4, "i", index)
    )


def test_input_of_a_dtype_that_nothing_computes_with() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 8), scale=0.1)
    y = builder.tensor("y", (1, 8), scale=0.1)
    builder.input("unused", (1,), "float16")
    builder.operator("RELU", [x], [y])
    builder.output(y)
    data = builder.finish()
    assert "input 'unused' cannot be used: dtype float16 is not supported" in refusal(data)


def test_legal_oddities_import() -> None:
    unused_input = _relus(("x", "a"), inputs=("x", "z"), outputs=("a",))
    assert import_tflite(unused_input, "unused.tflite").inputs == ("x", "z")
    input_as_output = _relus(("x", "a"), outputs=("x", "a"))
    assert import_tflite(input_as_output, "through.tflite").outputs == ("x", "a")
    second_subgraph = put(RELU, vector(root(RELU), damage.SUBGRAPHS), "I", 2)
    assert import_tflite(second_subgraph, "two.tflite").outputs == ("y",)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (3, 0), (3, 3)])
def test_the_larger_operator_code_counts(old: int, new: int) -> None:
    code = root(CONV).OperatorCodes(0)
    data = put(put(CONV, field(code, damage.OLD_CODE), "b", old), field(code, damage.CODE), "i", new)
    (operator,) = import_tflite(data, "codes.tflite").operators
    assert operator.name == "conv_2d_0"


def test_deep_graph() -> None:
    names = ["x", *(f"t{index}" for index in range(4000))]
    data = _relus(*((names[i], names[i + 1]) for i in range(4000)), outputs=(names[-1],))
    start = time.process_time()
    assert len(import_tflite(data, "deep.tflite").operators) == 4000
    assert time.process_time() - start < 10
