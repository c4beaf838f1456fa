"""What µTVM cannot express of a well-formed file is reported all at once: operator, node, version, dtypes, why."""

from __future__ import annotations

import numpy as np
import pytest

from tests.importers import damage
from tests.importers.damage import alias, conv_builder, conv_model, field, graph, put, relu_model, root
from tests.litert import ModelBuilder
from utvm.errors import UnsupportedModelError, UnsupportedOperator
from utvm.importers.tflite import import_tflite


def _unsupported(data: bytes) -> tuple[UnsupportedOperator, ...]:
    with pytest.raises(UnsupportedModelError) as caught:
        import_tflite(data, "other.tflite")
    lines = str(caught.value).splitlines()
    listed = caught.value.unsupported
    assert lines[0].startswith(f"other.tflite: {len(listed)} operator")
    for item in listed:
        (line,) = [line for line in lines[1:] if item.node in line]
        for part in (item.operator, f"v{item.version}", item.dtypes, item.reason):
            assert part in line
    return listed


def test_everything_at_once() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 8), scale=0.1)
    real = builder.input("real", (1, 8), "float32")
    wide = builder.input("wide", (1, 8), "int16", scale=0.1)
    outputs = [
        builder.tensor("erased", (1, 8), scale=0.1),
        builder.tensor("warped", (1, 8), scale=0.1),
        builder.tensor("newer", (1, 8), scale=0.1),
        builder.tensor("real_relu", (1, 8), "float32"),
        builder.tensor("wide_relu", (1, 8), "int16", scale=0.1),
    ]
    builder.operator("CEIL", [x], outputs[:1], version=1)
    builder.custom("TFLite_Detection_PostProcess", [x, None], outputs[1:2], version=3)
    builder.operator("RELU", [x], outputs[2:3], version=99)
    builder.operator("RELU", [real], outputs[3:4])
    builder.operator("RELU", [wide], outputs[4:5])
    good = builder.tensor("good", (1, 8), scale=0.1)
    builder.operator("RELU", [x], [good])
    for tensor in (*outputs, good):
        builder.output(tensor)
    ceil, custom, newer, real_relu, wide_relu = _unsupported(builder.finish())
    assert ceil == UnsupportedOperator("CEIL", "node 0 'erased'", 1, "int8 -> int8", "the operator is not supported")
    assert (custom.operator, custom.version) == ("CUSTOM 'TFLite_Detection_PostProcess'", 3)
    assert custom.dtypes == "int8, none -> int8"
    assert (newer.operator, newer.version, newer.node) == ("RELU", 99, "node 2 'newer'")
    assert newer.reason.startswith("version 99 is newer than ")
    assert real_relu.dtypes == "float32 -> float32"
    assert "float32" in real_relu.reason
    assert wide_relu.dtypes == "int16 -> int16"
    assert "int16" in wide_relu.reason


def _convolutions(dtype: str) -> bytes:
    """Two convolutions in a row; float16 and float32 are what a converter gives without quantization."""
    scale = 0.1 if dtype.startswith("int") else None
    builder = ModelBuilder()
    x = builder.input("x", (1, 4, 4, 2), dtype, scale=scale)
    for index in range(2):
        weights = builder.constant(f"w{index}", np.ones((2, 1, 1, 2), dtype), scale=scale)
        y = builder.tensor(f"y{index}", (1, 4, 4, 2), dtype, scale=scale)
        builder.operator("CONV_2D", [x, weights, None], [y], {"StrideH": 1, "StrideW": 1})
        x = y
    builder.output(x)
    return builder.finish()


@pytest.mark.parametrize("dtype", ["float32", "float16", "int16"])
def test_models_of_other_dtypes(dtype: str) -> None:
    listed = _unsupported(_convolutions(dtype))
    assert [item.node for item in listed] == ["node 0 'y0'", "node 1 'y1'"]
    for item in listed:
        assert item.operator == "CONV_2D"
        assert item.dtypes == f"{dtype}, {dtype}, none -> {dtype}"
        assert dtype in item.reason


def test_unknown_operator_code() -> None:
    data = conv_model()
    code = root(data).OperatorCodes(0)
    data = put(put(data, field(code, damage.OLD_CODE), "b", 127), field(code, damage.CODE), "i", 9999)
    (item,) = _unsupported(data)
    assert item.operator == "builtin operator 9999"


def test_version_below_one() -> None:
    builder, tensors = conv_builder()
    builder.operator("CONV_2D", tensors[:3], tensors[3:], {"StrideH": 1, "StrideW": 1}, version=-7)
    builder.output(tensors[3])
    (item,) = _unsupported(builder.finish())
    assert (item.version, item.reason) == (-7, "versions begin with 1")


def test_variable_tensor() -> None:
    data = relu_model()
    (item,) = _unsupported(alias(data, graph(data).Tensors(1), damage.IS_VARIABLE, damage.HAS_RANK))
    assert item.reason.endswith("tensor x: a variable tensor, which RELU does not take")


def test_sparse_tensor() -> None:
    data = relu_model()
    (item,) = _unsupported(alias(data, graph(data).Tensors(1), damage.SPARSITY, damage.QUANTIZATION))
    assert item.reason.endswith("sparse tensors are not supported")


def test_custom_quantization() -> None:
    builder, tensors = conv_builder(w={"scale": [0.1, 0.2, 0.3], "axis": 3})
    builder.operator("CONV_2D", tensors[:3], tensors[3:], {"StrideH": 1, "StrideW": 1})
    builder.output(tensors[3])
    data = builder.finish()
    weights = graph(data).Tensors(1).Quantization()
    (item,) = _unsupported(alias(data, weights, damage.DETAILS_TYPE, damage.AXIS))
    assert item.reason == "tensor w: custom quantization is not supported"


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((1,) * 9, "9 axes; at most 8 are supported"), ((1, 0, 3), "shape [1, 0, 3] has no elements")],
)
def test_shapes_that_nothing_computes_with(shape: tuple[int, ...], reason: str) -> None:
    (item,) = _unsupported(relu_model(shape))
    assert item.reason == f"tensor x: {reason}"


def test_a_long_list_stays_readable() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 8), scale=0.1)
    for _ in range(2000):
        y = builder.tensor("n" * 10_000, (1, 8), scale=0.1)
        builder.operator("CEIL", [x], [y])
        builder.output(y)
    with pytest.raises(UnsupportedModelError) as caught:
        import_tflite(builder.finish(), "long.tflite")
    assert len(caught.value.unsupported) == 2000
    assert max(map(len, str(caught.value).splitlines())) < 1000
