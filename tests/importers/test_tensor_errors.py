"""Bad tensors of a .tflite file: shapes, buffers, quantization."""

from __future__ import annotations

from typing import Any

import pytest

from tests.importers import damage
from tests.importers.damage import (
    append_table,
    conv_model,
    field,
    first,
    graph,
    put,
    refusal,
    relu_model,
    root,
    vector,
)
from utvm.errors import UtvmError
from utvm.importers.tflite import import_tflite
from utvm.operators import check_model

CONV = conv_model()


def test_negative_extent() -> None:
    data = put(CONV, vector(graph(CONV).Tensors(0), damage.SHAPE) + 8, "i", -4)
    assert "tensor 0 (x): shape [1, -4, 4, 3] has a negative extent" in refusal(data)


@pytest.mark.parametrize("shape", [(1 << 27,), (0x7FFFFFFF,) * 8, (65536, 65536)])
def test_absurd_shape(shape: tuple[int, ...]) -> None:
    message = refusal(relu_model(shape))
    assert "tensor 0 (x): int8[" in message
    assert "takes more than 64 MiB, which no microcontroller holds" in message


def test_wrong_buffer_size() -> None:
    data = put(CONV, vector(root(CONV).Buffers(1), damage.TENSORS), "I", 5)
    assert "tensor 1 (w): int8[2, 1, 1, 3] takes 6 bytes, its data has 5" in refusal(data)


def test_missing_buffer() -> None:
    data = put(CONV, field(graph(CONV).Tensors(1), damage.BUFFER), "I", 77)
    assert "tensor 1 (w) names buffer 77, there are 3" in refusal(data)


def test_buffer_behind_the_flatbuffer() -> None:
    data = append_table(CONV, first(root(CONV), damage.BUFFERS) + 4, "IQQ", 0, 4096, 6)
    message = refusal(data)
    assert "tensor 1 (w): its data lies behind the flatbuffer, which is not supported" in message
    assert "export the model without buffer offsets" in message


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), float("-inf"), 0.0, -0.5])
def test_scale_that_is_not_positive(scale: float) -> None:
    assert f"tensor 0 (x): its quantization scale {scale} is not a positive number" in refusal(
        conv_model({"scale": scale})
    )


@pytest.mark.parametrize("scale", [float("nan"), -0.5])
def test_channel_scale_that_is_not_positive(scale: float) -> None:
    message = refusal(conv_model(w={"scale": [0.1, scale]}))
    assert f"tensor 1 (w): its quantization scale {scale} is not a positive number" in message


def test_channel_scale_of_zero_is_a_dead_channel() -> None:
    check_model(import_tflite(conv_model(w={"scale": [0.1, 0.0]}), "dead.tflite"))


@pytest.mark.parametrize("scale", [1e-45, 1e-40, 1e-30, 3e38])
@pytest.mark.parametrize("tensor", ["x", "w", "y"])
@pytest.mark.parametrize("activation", ["NONE", "RELU6"])
def test_extreme_scales_end_in_a_model_or_a_clearrefusal(scale: float, tensor: str, activation: str) -> None:
    quantization: dict[str, dict[str, Any]] = {tensor: {"scale": scale}}
    try:
        check_model(
            import_tflite(conv_model(**quantization, options={"FusedActivationFunction": activation}), "bad.tflite")
        )
    except UtvmError as error:
        assert "scale" in str(error)


@pytest.mark.parametrize("zero_point", [128, -129, 1 << 31, -(1 << 62)])
def test_zero_point_outside_the_dtype(zero_point: int) -> None:
    message = refusal(conv_model({"zero_point": zero_point}))
    assert f"tensor 0 (x): its zero point {zero_point} is outside int8, -128 to 127" in message


def test_number_of_scales() -> None:
    message = refusal(conv_model(w={"scale": [0.1, 0.2, 0.3]}))
    assert "tensor 1 (w): 3 scales along axis 0 do not fit shape [2, 1, 1, 3]" in message


@pytest.mark.parametrize("axis", [-1, 1, 4, 0x7FFFFFFF])
def test_quantized_dimension_out_of_range(axis: int) -> None:
    assert f"tensor 1 (w): 2 scales along axis {axis} do not fit" in refusal(conv_model(w={"axis": axis}))


def test_number_of_zero_points() -> None:
    for count in (0, 1):
        data = put(CONV, vector(graph(CONV).Tensors(1).Quantization(), damage.ZERO_POINT), "I", count)
        assert f"tensor 1 (w): 2 scales but {count} zero points" in refusal(data)
