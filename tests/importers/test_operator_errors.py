"""Bad operators of a .tflite file: operands, codes, options."""

from __future__ import annotations

import numpy as np
import pytest

from tests.importers import damage
from tests.importers.damage import (
    conv_builder,
    conv_model,
    field,
    graph,
    put,
    refusal,
    vector,
)
from tests.litert import ModelBuilder

CONV = conv_model()


@pytest.mark.parametrize("index", [4, 0x7FFFFFFF, -2, -0x80000000])
def test_operator_names_a_tensor_that_is_not_there(index: int) -> None:
    data = put(CONV, vector(graph(CONV).Operators(0), damage.OPERATOR_INPUTS) + 4, "i", index)
    assert f"the inputs of operator 0 (CONV_2D) name tensor {index}, there are 4" in refusal(data)


def test_optional_output() -> None:
    data = put(CONV, vector(graph(CONV).Operators(0), damage.OPERATOR_OUTPUTS) + 4, "i", -1)
    assert "the outputs of operator 0 (CONV_2D) name tensor -1" in refusal(data)


def test_no_outputs() -> None:
    data = put(CONV, vector(graph(CONV).Operators(0), damage.OPERATOR_OUTPUTS), "I", 0)
    assert "operator 0 (CONV_2D) has no outputs" in refusal(data)


def test_repeated_output() -> None:
    builder, tensors = conv_builder()
    builder.operator("CONV_2D", tensors[:3], [tensors[3], tensors[3]], {"StrideH": 1, "StrideW": 1})
    builder.output(tensors[3])
    assert "operator 0 (CONV_2D) has one tensor as several of its outputs" in refusal(builder.finish())


def test_missing_input() -> None:
    builder, tensors = conv_builder()
    builder.operator("CONV_2D", [tensors[0], None, tensors[2]], tensors[3:], {"StrideH": 1, "StrideW": 1})
    builder.output(tensors[3])
    assert "operator 0 (CONV_2D, y): input 1 is missing" in refusal(builder.finish())


def test_surplus_input() -> None:
    builder, tensors = conv_builder()
    builder.operator("CONV_2D", [*tensors[:3], tensors[0]], tensors[3:], {"StrideH": 1, "StrideW": 1})
    builder.output(tensors[3])
    assert "operator 0 (CONV_2D, y): input 3 (x) is one more than it takes" in refusal(builder.finish())


def test_surplus_output() -> None:
    builder, tensors = conv_builder()
    spare = builder.tensor("spare", (1, 4, 4, 2), scale=0.1)
    builder.operator("CONV_2D", tensors[:3], [tensors[3], spare], {"StrideH": 1, "StrideW": 1})
    builder.output(tensors[3])
    assert "operator 0 (CONV_2D, y): output 1 (spare) is one more than it gives" in refusal(builder.finish())


def test_operator_code_that_is_not_there() -> None:
    builder, tensors = conv_builder()
    relu = builder.tensor("z", (1, 4, 4, 2), scale=0.1)
    builder.operator("CONV_2D", tensors[:3], tensors[3:], {"StrideH": 1, "StrideW": 1})
    builder.operator("RELU", tensors[3:], [relu])
    builder.output(relu)
    data = builder.finish()
    data = put(data, field(graph(data).Operators(1), damage.OPCODE_INDEX), "I", 9)
    assert "operator 1 names operator code 9, there are 2" in refusal(data)


def test_options_of_another_operator() -> None:
    data = put(CONV, field(graph(CONV).Operators(0), damage.OPTIONS_TYPE), "B", 9)
    message = refusal(data)
    assert "operator 0 (CONV_2D, y): its options are SoftmaxOptions, not Conv2DOptions" in message


def test_missing_options() -> None:
    data = put(CONV, field(graph(CONV).Operators(0), damage.OPTIONS_TYPE), "B", 0)
    assert "operator 0 (CONV_2D, y): its options are NONE, not Conv2DOptions" in refusal(data)


@pytest.mark.parametrize("option", ["StrideH", "StrideW", "DilationHFactor", "DilationWFactor"])
@pytest.mark.parametrize("value", [0, -1, 0x7FFFFFFF, -0x80000000])
def test_option_integers_out_of_range(option: str, value: int) -> None:
    message = refusal(conv_model(options={option: value}))
    assert "operator 0 (CONV_2D, y): " in message
    assert f"{value}" in message


def test_shape_that_the_operator_does_not_give() -> None:
    data = put(CONV, vector(graph(CONV).Tensors(3), damage.SHAPE) + 8, "i", 5)
    message = refusal(data)
    assert "inconsistent: Conv2D conv_2d_0 gives int8[1, 4, 4, 2], but the model says int8[1, 5, 4, 2]" in message


def test_constants_that_rows_add_are_bounded() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 1, 1, 1), scale=0.1)
    weights = builder.constant("w", np.ones((1_000_000, 1, 1, 1), np.int8), scale=0.1)
    for index in range(40):
        y = builder.tensor(f"y{index}", (1, 1, 1, 1_000_000), scale=0.1)
        builder.operator("CONV_2D", [x, weights, None], [y], {"StrideH": 1, "StrideW": 1})
        builder.output(y)
    assert "take over 64 MiB" in refusal(builder.finish())


@pytest.mark.parametrize("operator", ["MEAN", "PAD", "TRANSPOSE", "EXPAND_DIMS"])
def test_axes_are_few(operator: str) -> None:
    # Thousands of operators that name one huge list of axes would make a small file slow to read.
    builder = ModelBuilder()
    x = builder.input("x", (1, 8), scale=0.1)
    y = builder.tensor("y", (1, 8), scale=0.1)
    builder.operator(operator, [x, builder.constant("axes", np.zeros(1_000_000, np.int32))], [y])
    builder.output(y)
    message = refusal(builder.finish())
    assert f"operator 0 ({operator}, y): input 1 has 1000000 elements; at most two per axis are supported" in message
