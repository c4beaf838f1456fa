"""One int8 model per operator, each with its meaning over real numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .builder import ModelBuilder, Scales, TensorHandle

Array = npt.NDArray[Any]
Meaning = Callable[..., Any]

SCALE, ZERO_POINT = 0.05, 3  # of every activation that the operator does not prescribe


@dataclass(frozen=True)
class SmokeModel:
    """A model of one operator; `meaning` maps real inputs to the real outputs, scales say how both are stored."""

    operator: str
    model: bytes
    input_shapes: tuple[tuple[int, ...], ...]
    meaning: Meaning
    output_scale: float = SCALE
    output_zero_point: int = ZERO_POINT
    input_dtype: str = "int8"
    output_dtype: str = "int8"
    tolerance_steps: float = 1.01


Constants = Sequence[tuple[Array, Scales, int]]  # (array, scales, axis)


def _smoke(
    operator: str,
    input_shapes: Sequence[tuple[int, ...]],
    output_shape: tuple[int, ...],
    meaning: Meaning,
    *,
    options: dict[str, Any] | None = None,
    constants: Constants = (),
    constants_first: int = 0,
    outputs: int = 1,
    output_scale: float | None = SCALE,
    output_zero_point: int = ZERO_POINT,
    input_dtype: str = "int8",
    output_dtype: str = "int8",
) -> SmokeModel:
    """Wire activations and constants (`constants_first` of them lead) into one operator."""
    builder = ModelBuilder()
    quantized = input_dtype == "int8"
    activations: list[TensorHandle] = [
        builder.input(
            f"x{i}", shape, input_dtype, scale=SCALE if quantized else None, zero_point=ZERO_POINT if quantized else 0
        )
        for i, shape in enumerate(input_shapes)
    ]
    fixed = [builder.constant(f"c{i}", a, scale=s, axis=axis) for i, (a, s, axis) in enumerate(constants)]
    results = [
        builder.tensor(
            f"y{i}",
            output_shape,
            output_dtype,
            scale=output_scale,
            zero_point=0 if output_scale is None else output_zero_point,
        )
        for i in range(outputs)
    ]
    builder.operator(operator, fixed[:constants_first] + activations + fixed[constants_first:], results, options)
    for result in results:
        builder.output(result)
    return SmokeModel(
        operator,
        builder.finish(),
        tuple(input_shapes),
        meaning,
        1.0 if output_scale is None else output_scale,
        0 if output_scale is None else output_zero_point,
        input_dtype,
        output_dtype,
    )


def _ints(*values: int) -> tuple[Array, None, int]:
    return np.array(values, dtype=np.int32), None, 0


IMAGE = (1, 4, 6, 3)
STRIDE_2 = {"StrideH": 2, "StrideW": 2, "Padding": "VALID"}
_POINTWISE = np.array([[1, -2, 3], [-4, 5, 6]], dtype=np.int8)  # (output channel, input channel)
_CHANNEL_SCALES = np.array([0.1, 0.2], dtype=np.float32)
_REAL_POINTWISE = _POINTWISE * _CHANNEL_SCALES[:, None]
_BIAS = np.array([40, -60], dtype=np.int32)
_REAL_BIAS = _BIAS * _CHANNEL_SCALES * SCALE
_DEPTHWISE = np.array([2, -3, 5], dtype=np.int8)
_DEPTHWISE_SCALES = np.array([0.1, 0.2, 0.3], dtype=np.float32)
_PER_TENSOR = (_POINTWISE, 0.1, 0)


def _elementwise() -> list[SmokeModel]:
    pair = [IMAGE, IMAGE]
    return [
        _smoke("ADD", pair, IMAGE, np.add),
        _smoke("SUB", pair, IMAGE, np.subtract),
        _smoke("MUL", pair, IMAGE, np.multiply, options={"FusedActivationFunction": "NONE"}),
        _smoke("LOGISTIC", [IMAGE], IMAGE, _logistic, output_scale=1 / 256, output_zero_point=-128),
        _smoke("TANH", [IMAGE], IMAGE, np.tanh, output_scale=1 / 128, output_zero_point=0),
        _smoke("RELU", [IMAGE], IMAGE, lambda x: np.maximum(x, 0)),
        _smoke("RELU6", [IMAGE], IMAGE, lambda x: np.clip(x, 0, 6)),
        _smoke("RELU_N1_TO_1", [IMAGE], IMAGE, lambda x: np.clip(x, -1, 1)),
        _smoke("HARD_SWISH", [IMAGE], IMAGE, lambda x: x * np.clip(x + 3, 0, 6) / 6),
        _smoke("LEAKY_RELU", [IMAGE], IMAGE, lambda x: np.where(x < 0, x * 0.25, x), options={"Alpha": 0.25}),
        _smoke("QUANTIZE", [IMAGE], IMAGE, np.copy, input_dtype="float32"),
        _smoke("QUANTIZE", [IMAGE], IMAGE, np.copy, output_scale=0.07, output_zero_point=-9),
        _smoke("DEQUANTIZE", [IMAGE], IMAGE, np.copy, output_scale=None, output_dtype="float32"),
    ]


def _logistic(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def _convolutions() -> list[SmokeModel]:
    bias = (_BIAS, _CHANNEL_SCALES * SCALE, 0)
    return [
        _smoke(
            "CONV_2D",
            [IMAGE],
            (1, 2, 3, 2),
            lambda x: x[:, ::2, ::2] @ _REAL_POINTWISE.T + _REAL_BIAS,
            options=STRIDE_2,
            constants=[(_POINTWISE.reshape(2, 1, 1, 3), _CHANNEL_SCALES, 0), bias],
        ),
        _smoke(
            "DEPTHWISE_CONV_2D",
            [IMAGE],
            (1, 2, 3, 3),
            lambda x: np.maximum(x[:, ::2, ::2] * _DEPTHWISE * _DEPTHWISE_SCALES, 0),
            options={**STRIDE_2, "DepthMultiplier": 1, "FusedActivationFunction": "RELU"},
            constants=[(_DEPTHWISE.reshape(1, 1, 1, 3), _DEPTHWISE_SCALES, 3)],
        ),
        _smoke(
            "FULLY_CONNECTED",
            [(4, 3)],
            (4, 2),
            lambda x: x @ (_POINTWISE.T * 0.1) + _BIAS * 0.1 * SCALE,
            constants=[_PER_TENSOR, (_BIAS, 0.1 * SCALE, 0)],
        ),
        _smoke(
            "TRANSPOSE_CONV",
            [IMAGE],
            (1, 8, 12, 2),
            _spread_pointwise,
            options={**STRIDE_2, "Padding": "SAME"},
            constants=[_ints(1, 8, 12, 2), (_POINTWISE.reshape(2, 1, 1, 3), _CHANNEL_SCALES, 0), bias],
            constants_first=2,
        ),
    ]


def _spread_pointwise(x: Array) -> Array:
    y = np.zeros((1, 8, 12, 2))
    y[:, ::2, ::2] = x @ _REAL_POINTWISE.T
    return y + _REAL_BIAS


def _reductions() -> list[SmokeModel]:
    window = {**STRIDE_2, "FilterHeight": 2, "FilterWidth": 2}
    return [
        _smoke("AVERAGE_POOL_2D", [IMAGE], (1, 2, 3, 3), lambda x: _windows(x).mean((2, 4)), options=window),
        _smoke("MAX_POOL_2D", [IMAGE], (1, 2, 3, 3), lambda x: _windows(x).max((2, 4)), options=window),
        _smoke(
            "MEAN",
            [IMAGE],
            (1, 1, 1, 3),
            lambda x: x.mean((1, 2), keepdims=True),
            options={"KeepDims": True},
            constants=[_ints(1, 2)],
        ),
        _smoke(
            "SOFTMAX", [(2, 10)], (2, 10), _softmax, options={"Beta": 1.0}, output_scale=1 / 256, output_zero_point=-128
        ),
        _smoke(
            "ARG_MAX",
            [(2, 40)],
            (2,),
            lambda x: x.argmax(1),
            options={"OutputType": "INT32"},
            constants=[_ints(1)],
            output_scale=None,
            output_dtype="int32",
        ),
    ]


def _windows(x: Array) -> Array:
    return x.reshape(1, 2, 2, 3, 2, 3)


def _softmax(x: Array) -> Array:
    weights = np.exp(x - x.max(1, keepdims=True))
    return np.asarray(weights / weights.sum(1, keepdims=True))


def _shapes() -> list[SmokeModel]:
    pads = (np.array([[0, 0], [1, 0], [0, 2], [0, 0]], dtype=np.int32), None, 0)
    padded = (1, 5, 8, 3)
    pad_value = -2.0
    return [
        _smoke("PAD", [IMAGE], padded, lambda x: np.pad(x, pads[0]), constants=[pads]),
        _padv2(padded, pads[0], pad_value),
        _smoke("RESHAPE", [IMAGE], (8, 9), lambda x: x.reshape(8, 9), options={"NewShape": [8, 9]}),
        _smoke("SQUEEZE", [IMAGE], (4, 6, 3), lambda x: x.squeeze(0), options={"SqueezeDims": [0]}),
        _smoke("EXPAND_DIMS", [IMAGE], (1, 4, 1, 6, 3), lambda x: np.expand_dims(x, 2), constants=[_ints(2)]),
        _smoke(
            "CONCATENATION",
            [IMAGE, IMAGE],
            (1, 4, 6, 6),
            lambda x, y: np.concatenate([x, y], 3),
            options={"Axis": 3},
        ),
        _smoke(
            "STRIDED_SLICE",
            [IMAGE],
            (1, 2, 2, 3),
            lambda x: x[:, 3:0:-2, 1:4:2, :],
            options={"BeginMask": 0b1001, "EndMask": 0b1001},
            constants=[_ints(0, 3, 1, 0), _ints(0, 0, 4, 0), _ints(1, -2, 2, 1)],
        ),
        _smoke(
            "SPLIT",
            [IMAGE],
            (1, 4, 2, 3),
            lambda x: tuple(np.split(x, 3, axis=2)),
            options={"NumSplits": 3},
            constants=[_ints(2)],
            constants_first=1,
            outputs=3,
        ),
        _split_v(),
        _smoke(
            "PACK",
            [IMAGE, IMAGE],
            (1, 4, 6, 2, 3),
            lambda x, y: np.stack([x, y], axis=3),
            options={"ValuesCount": 2, "Axis": 3},
        ),
        _smoke(
            "UNPACK",
            [IMAGE],
            (1, 4, 6),
            lambda x: tuple(np.moveaxis(x, 3, 0)),
            options={"Num": 3, "Axis": 3},
            outputs=3,
        ),
        _smoke("TRANSPOSE", [IMAGE], (1, 3, 4, 6), lambda x: x.transpose(0, 3, 1, 2), constants=[_ints(0, 3, 1, 2)]),
        _smoke(
            "RESIZE_NEAREST_NEIGHBOR",
            [IMAGE],
            (1, 8, 12, 3),
            lambda x: x.repeat(2, axis=1).repeat(2, axis=2),
            constants=[_ints(8, 12)],
        ),
        _smoke(
            "RESIZE_BILINEAR",
            [IMAGE],
            (1, 7, 6, 3),
            _halfway_rows,
            options={"AlignCorners": True},
            constants=[_ints(7, 6)],
        ),
    ]


def _halfway_rows(x: Array) -> Array:
    rows = np.empty((1, 7, 6, 3))
    rows[:, ::2] = x
    rows[:, 1::2] = (x[:, :-1] + x[:, 1:]) / 2
    return rows


def _padv2(padded: tuple[int, ...], pads: Array, value: float) -> SmokeModel:
    builder = ModelBuilder()
    stored = np.array([round(value / SCALE) + ZERO_POINT], dtype=np.int8)
    x = builder.input("x", IMAGE, scale=SCALE, zero_point=ZERO_POINT)
    y = builder.tensor("y", padded, scale=SCALE, zero_point=ZERO_POINT)
    fill = builder.constant("value", stored, scale=SCALE, zero_point=ZERO_POINT)
    builder.operator("PADV2", [x, builder.constant("pads", pads), fill], [y])
    builder.output(y)
    return SmokeModel("PADV2", builder.finish(), (IMAGE,), lambda x: np.pad(x, pads, constant_values=value))


def _split_v() -> SmokeModel:
    builder = ModelBuilder()
    x = builder.input("x", IMAGE, scale=SCALE, zero_point=ZERO_POINT)
    sizes = builder.constant("sizes", np.array([1, 2, 3], dtype=np.int32))
    axis = builder.constant("axis", np.array(2, dtype=np.int32))
    parts = [builder.tensor(f"y{n}", (1, 4, n, 3), scale=SCALE, zero_point=ZERO_POINT) for n in (1, 2, 3)]
    builder.operator("SPLIT_V", [x, sizes, axis], parts, {"NumSplits": 3})
    for part in parts:
        builder.output(part)
    return SmokeModel("SPLIT_V", builder.finish(), (IMAGE,), lambda x: tuple(np.split(x, [1, 3], axis=2)))


def smoke_models() -> list[SmokeModel]:
    """All of them."""
    return _elementwise() + _convolutions() + _reductions() + _shapes()
