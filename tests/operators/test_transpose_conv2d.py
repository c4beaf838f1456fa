"""TRANSPOSE_CONV against LiteRT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Case, compare_all
from tests.operators.convolutions import convolution
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Requantization, TransposeConv2D
from utvm.model.tensor import Tensor, constant
from utvm.operators import rule_of


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    kernel = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    strides = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    height, width = int(rng.integers(1, 6)), int(rng.integers(1, 6))
    padding = str(rng.choice(["SAME", "VALID"]))
    # Several output sizes belong to one image size.
    size = []
    for extent, taps, stride in zip((height, width), kernel, strides, strict=True):
        extra = int(rng.integers(0, stride))
        size.append(extent * stride - extra if padding == "SAME" else (extent - 1) * stride + taps + extra)
    in_channels, channels, batch = int(rng.choice([1, 2, 5])), int(rng.choice([1, 3, 4])), int(rng.choice([1, 1, 2]))
    return convolution(
        "TRANSPOSE_CONV",
        (batch, height, width, in_channels),
        (channels, *kernel, in_channels),
        (batch, *size, channels),
        {"StrideH": strides[0], "StrideW": strides[1], "Padding": padding},
        seed,
        channel_axis=0,
        output_shape_first=True,
    )


def test_equals_litert() -> None:
    compare_all((_case(seed) for seed in range(130)), at_least=130, kernels=24)


def _operator() -> tuple[TransposeConv2D, tuple[Tensor, ...]]:
    operator = TransposeConv2D(
        name="up",
        inputs=("x", "w", "b"),
        outputs=("y",),
        size=(8, 10),
        strides=(2, 2),
        crop=(0, 1),
        input_zero_point=0,
        requantization=Requantization((1 << 30,), (0,)),
        output_zero_point=0,
        clamp=(-128, 127),
    )
    image, weights = Tensor("x", (1, 4, 5, 3), "int8"), constant("w", np.ones((2, 3, 3, 3), np.int8))
    return operator, (image, weights, constant("b", np.zeros(2, np.int32)))


def test_macs_are_pixels_times_weights() -> None:
    operator, inputs = _operator()
    (output,) = rule_of(operator).infer(operator, inputs)
    assert output.shape == (1, 8, 10, 2)
    assert rule_of(operator).macs(operator, inputs, (Tensor("y", output.shape, output.dtype),)) == 20 * 54


def test_infer_names_what_is_wrong() -> None:
    operator, (image, weights, bias) = _operator()
    good = (image, weights, bias)
    rule = rule_of(operator)
    wrong = [
        (operator, (image, weights), "takes 3 inputs"),
        (operator, (replace(image, shape=(4, 5, 3)), weights, bias), "must have 4 axes"),
        (operator, (replace(image, shape=(1, 4, 5, 2)), weights, bias), "weights for 3 channels"),
        (operator, (image, weights, constant("b", np.zeros(3, np.int32))), "bias has shape"),
        (replace(operator, size=(0, 1)), good, "is not positive"),
        (replace(operator, strides=(0, 1)), good, "is not positive"),
        (replace(operator, crop=(0, -1)), good, "is negative"),
        (replace(operator, strides=(1 << 24, 1)), good, "its output reaches"),
        (replace(operator, size=(1 << 14, 1 << 14)), good, "elements"),
        (replace(operator, clamp=(7, -7)), good, "is empty"),
    ]
    rule.infer(operator, good)
    for candidate, tensors, message in wrong:
        with pytest.raises(ModelError, match=message):
            rule.infer(candidate, tensors)


def test_files_that_cannot_be_computed_are_refused() -> None:
    def model(shape: list[int], out: tuple[int, ...], stride: int = 2, constant_shape: bool = True) -> bytes:
        builder = ModelBuilder()
        values = np.array(shape, np.int32)
        given = builder.constant("s", values) if constant_shape else builder.input("s", values.shape, "int32")
        x = builder.input("x", (1, 4, 4, 1), scale=0.5)
        w = builder.constant("w", np.ones((1, 3, 3, 1), np.int8), scale=0.5)
        y = builder.tensor("y", out, scale=0.5)
        builder.operator("TRANSPOSE_CONV", [given, w, x], [y], {"StrideH": stride, "StrideW": 2, "Padding": "SAME"})
        builder.output(y)
        return builder.finish()

    import_tflite(model([1, 8, 8, 1], (1, 8, 8, 1)), "m")
    with pytest.raises(ImportModelError, match="cannot become"):
        import_tflite(model([1, 9, 8, 1], (1, 9, 8, 1)), "m")
    with pytest.raises(ImportModelError, match="cannot become"):
        import_tflite(model([2, 8, 8, 1], (2, 8, 8, 1)), "m")
    with pytest.raises(ImportModelError, match="should have shape"):
        import_tflite(model([1, 8, 8], (1, 8, 8, 1)), "m")
    with pytest.raises(ImportModelError, match="stride 0 x 2"):
        import_tflite(model([1, 8, 8, 1], (1, 8, 8, 1), stride=0), "m")
    with pytest.raises(UnsupportedModelError, match="must be a constant"):
        import_tflite(model([1, 8, 8, 1], (1, 8, 8, 1), constant_shape=False), "m")
