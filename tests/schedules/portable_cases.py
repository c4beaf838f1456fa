"""Small models of operators that have a portable kernel and, on most cores, no other."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from utvm.model import Array, Model
from utvm.model import operator_types as kinds
from utvm.model.operator_types import Operator, Padding, Requantization
from utvm.model.tensor import Tensor
from utvm.operators import rule_of

_SCALE = Requantization((1518500250,), (-5,))


def _one(operator: Operator, *inputs: Tensor) -> Model:
    """The operator as a model."""
    inferred = rule_of(operator).infer(operator, inputs)
    outputs = [Tensor(name, made.shape, made.dtype) for name, made in zip(operator.outputs, inferred, strict=True)]
    names = tuple(tensor.name for tensor in inputs if tensor.data is None)
    tensors = {tensor.name: tensor for tensor in (*inputs, *outputs)}
    return Model(type(operator).__name__, tensors, (operator,), names, operator.outputs)


def _tensor(*shape: int, name: str = "x", dtype: str = "int8") -> Tensor:
    return Tensor(name, shape, dtype)


def _constant(name: str, shape: tuple[int, ...], reach: int, dtype: str = "int8") -> Tensor:
    data = np.random.default_rng(len(name)).integers(-reach, reach, shape).astype(dtype)
    data.setflags(write=False)
    return Tensor(name, shape, dtype, data=data)


def softmax(rows: int = 6, classes: int = 12) -> Model:
    operator = kinds.Softmax(
        name="softmax",
        inputs=("x",),
        outputs=("y",),
        input_multiplier=1518500250,
        input_left_shift=22,
        diff_min=-100,
    )
    return _one(operator, _tensor(rows, classes))


def multiply(*shape: int) -> Model:
    shape = shape or (4, 6, 8)
    operator = kinds.Mul(
        name="multiply",
        inputs=("x", "z"),
        outputs=("y",),
        input_zero_points=(-3, 7),
        requantization=_SCALE,
        output_zero_point=-9,
        clamp=(-100, 90),
    )
    return _one(operator, _tensor(*shape), _tensor(shape[-1], name="z"))


def mean(*shape: int) -> Model:
    operator = kinds.Mean(
        name="mean",
        inputs=("x",),
        outputs=("y",),
        axes=(1, 2),
        keep_dims=False,
        input_zero_point=5,
        requantization=_SCALE,
        output_zero_point=-4,
    )
    return _one(operator, _tensor(*(shape or (1, 4, 6, 8))))


def resize_bilinear(*shape: int) -> Model:
    shape = shape or (1, 4, 5, 8)
    operator = kinds.ResizeBilinear(
        name="resize",
        inputs=("x",),
        outputs=("y",),
        size=(shape[1] * 2, shape[2] * 2),
        align_corners=False,
        half_pixel_centers=True,
    )
    return _one(operator, _tensor(*shape))


def resize_nearest(*shape: int) -> Model:
    shape = shape or (1, 4, 6, 4)
    operator = kinds.ResizeNearest(
        name="resize",
        inputs=("x",),
        outputs=("y",),
        size=(shape[1] * 2, shape[2] * 2),
        align_corners=False,
        half_pixel_centers=False,
    )
    return _one(operator, _tensor(*shape))


def transpose(*shape: int) -> Model:
    operator = kinds.Transpose(name="transpose", inputs=("x",), outputs=("y",), permutation=(0, 3, 1, 2))
    return _one(operator, _tensor(*(shape or (2, 4, 6, 8))))


def pad(*shape: int) -> Model:
    operator = kinds.Pad(name="pad", inputs=("x",), outputs=("y",), paddings=((0, 0), (1, 2), (2, 1), (0, 0)), value=-3)
    return _one(operator, _tensor(*(shape or (1, 4, 6, 8))))


def concatenation() -> Model:
    operator = kinds.Concatenation(name="concatenation", inputs=("x", "z"), outputs=("y",), axis=1)
    return _one(operator, _tensor(3, 4, 2), _tensor(3, 6, 2, name="z"))


def transposed_convolution(height: int = 4, width: int = 5, channels: int = 8) -> Model:
    operator = kinds.TransposeConv2D(
        name="transpose_conv",
        inputs=("x", "weights", "bias"),
        outputs=("y",),
        strides=(2, 2),
        crop=(0, 1),
        size=(2 * height, 2 * width),
        input_zero_point=-3,
        requantization=Requantization((1518500250,) * channels, (-7,) * channels),
        output_zero_point=5,
        clamp=(-128, 100),
    )
    weights = _constant("weights", (channels, 3, 3, channels), 127)
    return _one(operator, _tensor(1, height, width, channels), weights, _constant("bias", (channels,), 999, "int32"))


def padded_convolution() -> Model:
    operator = kinds.Conv2D(
        name="conv",
        inputs=("x", "weights", "bias"),
        outputs=("y",),
        strides=(2, 1),
        dilation=(1, 1),
        padding=Padding(1, 1, 1, 1),
        input_zero_point=4,
        requantization=Requantization((1518500250,), (-8,)),
        output_zero_point=1,
        clamp=(-128, 127),
    )
    weights = _constant("weights", (4, 3, 3, 6), 127)
    return _one(operator, _tensor(1, 7, 6, 6), weights, _constant("bias", (4,), 999, "int32"))


def average_pool() -> Model:
    operator = kinds.Pool2D(
        name="pool",
        inputs=("x",),
        outputs=("y",),
        kind="average",
        window=(3, 3),
        strides=(2, 2),
        padding=Padding(1, 1, 1, 1),
        clamp=(-128, 127),
    )
    return _one(operator, _tensor(1, 7, 6, 6))


def quantize() -> Model:
    operator = kinds.Quantize(name="quantize", inputs=("x",), outputs=("y",), scale=0.015625, zero_point=-7)
    return _one(operator, _tensor(5, 16, dtype="float32"))


def dequantize() -> Model:
    operator = kinds.Dequantize(name="dequantize", inputs=("x",), outputs=("y",), scale=0.7109375, zero_point=-7)
    return _one(operator, _tensor(5, 16))


def arg_max() -> Model:
    operator = kinds.ArgMax(name="arg_max", inputs=("x",), outputs=("y",), axis=1, output_dtype="int32")
    return _one(operator, _tensor(3, 9))


SCHEDULABLE: tuple[Callable[[], Model], ...] = (
    softmax,
    multiply,
    mean,
    resize_bilinear,
    resize_nearest,
    transpose,
    pad,
    concatenation,
    transposed_convolution,
    padded_convolution,
    average_pool,
    quantize,
    dequantize,
)


def random_inputs(model: Model, seed: int = 0) -> dict[str, Array]:
    """Bytes of every value, floats around 0."""
    generator = np.random.default_rng(seed)

    def values(tensor: Tensor) -> Array:
        if tensor.dtype == "float32":
            return generator.normal(0.0, 1.0, tensor.shape).astype(np.float32)
        return generator.integers(-128, 128, tensor.shape, dtype=np.int8)

    return {name: values(model.tensors[name]) for name in model.inputs}
