"""DEPTHWISE_CONV_2D against LiteRT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Case, compare_all
from tests.operators.convolutions import convolution, random_window
from utvm.errors import ImportModelError, ModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import DepthwiseConv2D, Padding, Requantization
from utvm.model.tensor import Tensor, constant
from utvm.operators import rule_of


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    window, (height, width) = random_window(rng)
    channels, multiplier = int(rng.choice([1, 2, 3, 8])), int(rng.choice([1, 1, 2, 5]))
    batch = int(rng.choice([1, 1, 2]))
    # LiteRT takes the multiplier from the shapes, whatever the option says.
    options = {**window.options(), "DepthMultiplier": int(rng.choice([multiplier, 0, 7]))}
    return convolution(
        "DEPTHWISE_CONV_2D",
        (batch, height, width, channels),
        (1, *window.kernel, channels * multiplier),
        (batch, *window.output_size(height, width), channels * multiplier),
        options,
        seed,
        channel_axis=3,
    )


def test_equals_litert() -> None:
    compare_all((_case(seed) for seed in range(150)), at_least=150, kernels=24)


def _operator() -> tuple[DepthwiseConv2D, tuple[Tensor, ...]]:
    operator = DepthwiseConv2D(
        name="depthwise",
        inputs=("x", "w", "b"),
        outputs=("y",),
        strides=(2, 1),
        padding=Padding(1, 1, 1, 1),
        dilation=(1, 1),
        depth_multiplier=2,
        input_zero_point=0,
        requantization=Requantization((1 << 30,), (0,)),
        output_zero_point=0,
        clamp=(-128, 127),
    )
    image, weights = Tensor("x", (1, 4, 5, 3), "int8"), constant("w", np.ones((1, 3, 3, 6), np.int8))
    return operator, (image, weights, constant("b", np.zeros(6, np.int32)))


def test_macs_are_taps_per_output() -> None:
    operator, inputs = _operator()
    (output,) = rule_of(operator).infer(operator, inputs)
    assert output.shape == (1, 2, 5, 6)
    assert rule_of(operator).macs(operator, inputs, (Tensor("y", output.shape, output.dtype),)) == 2 * 5 * 6 * 9


def test_infer_names_what_is_wrong() -> None:
    operator, (image, weights, bias) = _operator()
    good = (image, weights, bias)
    rule = rule_of(operator)
    wrong = [
        (operator, (weights, bias), "takes 3 inputs"),
        (operator, (replace(image, shape=(1, 4, 15)), weights, bias), "must have 4 axes"),
        (operator, (image, constant("w", np.ones((2, 3, 3, 6), np.int8)), bias), "do not begin with an extent of 1"),
        (operator, (image, constant("w", np.ones((3, 3, 6), np.int8)), bias), "must have 4 axes"),
        (replace(operator, depth_multiplier=3), good, "are not 6"),
        (operator, (image, weights, constant("b", np.zeros((6, 1), np.int32))), "bias has shape"),
        (replace(operator, requantization=Requantization((1 << 31,), (0,))), good, "exceeds 31 bits"),
        (replace(operator, strides=(1, -1)), good, "is not positive"),
        (replace(operator, padding=Padding()), (replace(image, shape=(1, 2, 5, 3)), weights, bias), "larger than"),
        (replace(operator, input_zero_point=128), good, "zero point 128"),
    ]
    rule.infer(operator, good)
    for candidate, tensors, message in wrong:
        with pytest.raises(ModelError, match=message):
            rule.infer(candidate, tensors)


def test_filters_that_do_not_divide_are_refused() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 4, 4, 2), scale=0.5)
    w = builder.constant("w", np.ones((1, 1, 1, 3), np.int8), scale=0.5)
    y = builder.tensor("y", (1, 4, 4, 3), scale=0.5)
    builder.operator("DEPTHWISE_CONV_2D", [x, w], [y], {"StrideH": 1, "StrideW": 1})
    builder.output(y)
    with pytest.raises(ImportModelError, match="3 filters are no multiple of 2 channels"):
        import_tflite(builder.finish(), "m")
