"""CONV_2D against LiteRT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Case, compare_all
from tests.operators.convolutions import convolution, random_window
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Conv2D, Padding, Requantization
from utvm.model.tensor import Tensor, constant
from utvm.operators import rule_of, run_reference


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    window, (height, width) = random_window(rng)
    groups = int(rng.choice([1, 1, 1, 2, 3]))
    in_channels, outputs = int(rng.choice([1, 2, 3, 8])), groups * int(rng.choice([1, 2, 5]))
    batch = int(rng.choice([1, 1, 2]))
    return convolution(
        "CONV_2D",
        (batch, height, width, groups * in_channels),
        (outputs, *window.kernel, in_channels),
        (batch, *window.output_size(height, width), outputs),
        window.options(),
        seed,
        channel_axis=0,
    )


def test_equals_litert() -> None:
    compare_all((_case(seed) for seed in range(150)), at_least=150, kernels=24)


def test_a_missing_bias_is_zeros() -> None:
    """LiteRT refuses int8 CONV_2D without a bias; its schema does not."""
    builder = ModelBuilder()
    x = builder.input("x", (1, 1, 1, 2), scale=0.5)
    w = builder.constant("w", np.array([[2, 4]], np.int8).reshape(1, 1, 1, 2), scale=0.5)
    y = builder.tensor("y", (1, 1, 1, 1), scale=0.5)
    builder.operator("CONV_2D", [x, w], [y], {"StrideH": 1, "StrideW": 1})
    builder.output(y)
    outputs = run_reference(import_tflite(builder.finish(), "m"), {"x": np.array([[[[3, 5]]]], np.int8)})
    assert outputs["y"].item() == 13


def _operator() -> tuple[Conv2D, tuple[Tensor, ...]]:
    operator = Conv2D(
        name="conv",
        inputs=("x", "w", "b"),
        outputs=("y",),
        strides=(1, 1),
        padding=Padding(1, 1, 1, 1),
        dilation=(1, 1),
        input_zero_point=0,
        requantization=Requantization((1 << 30,), (0,)),
        output_zero_point=0,
        clamp=(-128, 127),
    )
    image, weights = Tensor("x", (1, 4, 5, 6), "int8"), constant("w", np.ones((4, 3, 3, 3), np.int8))
    return operator, (image, weights, constant("b", np.zeros(4, np.int32)))


def test_macs_count_each_group_once() -> None:
    operator, inputs = _operator()
    (output,) = rule_of(operator).infer(operator, inputs)
    assert rule_of(operator).macs(operator, inputs, (Tensor("y", output.shape, output.dtype),)) == 4 * 5 * 4 * 27


def test_infer_names_what_is_wrong() -> None:
    operator, (image, weights, bias) = _operator()
    rule = rule_of(operator)
    good = (image, weights, bias)
    per_channel = Requantization((1, 1, 1), (0, 0, 0))
    wrong = [
        (operator, (image, weights), "takes 3 inputs"),
        (operator, (replace(image, dtype="float32"), weights, bias), "must be int8"),
        (operator, (replace(image, shape=(4, 5, 6)), weights, bias), "must have 4 axes"),
        (operator, (image, Tensor("w", (4, 9, 3), "int8"), bias), "must have 4 axes"),
        (operator, (replace(image, shape=(1, 4, 5, 7)), weights, bias), "do not divide into groups"),
        (operator, (replace(image, shape=(1, 4, 5, 9)), weights, bias), "do not divide into groups"),
        (operator, (image, weights, constant("b", np.zeros(3, np.int32))), "bias has shape"),
        (operator, (image, weights, constant("b", np.full(4, 2**31 - 1, np.int32))), "does not hold"),
        (replace(operator, requantization=per_channel), good, "3 multipliers"),
        (replace(operator, requantization=Requantization((1,), ())), good, "1 multipliers and 0 shifts"),
        (replace(operator, requantization=Requantization((-1,), (0,))), good, "exceeds 31 bits"),
        (replace(operator, requantization=Requantization((1,), (-32,))), good, "shift is outside"),
        (replace(operator, strides=(0, 1)), good, "is not positive"),
        (replace(operator, dilation=(1, 0)), good, "is not positive"),
        (replace(operator, padding=Padding(-1)), good, "is negative"),
        (replace(operator, padding=Padding(1 << 24)), good, "larger than 256 MiB"),
        (replace(operator, dilation=(9, 9)), good, "larger than the padded image"),
        (replace(operator, output_zero_point=-129), good, "zero point -129"),
        (replace(operator, clamp=(-128, 128)), good, "clamp 128"),
    ]
    rule.infer(operator, good)
    for candidate, tensors, message in wrong:
        with pytest.raises(ModelError, match=message):
            rule.infer(candidate, tensors)


def _model(
    weights_zero_point: int = 0, axis: int = 0, stride: int = 1, bias_count: int = 2, activation: str = "NONE"
) -> bytes:
    builder = ModelBuilder()
    x = builder.input("x", (1, 4, 4, 2), scale=0.5)
    w = builder.constant(
        "w", np.ones((2, 1, 1, 2), np.int8), scale=[0.5, 0.25], zero_point=weights_zero_point, axis=axis
    )
    b = builder.constant("b", np.zeros(bias_count, np.int32))
    y = builder.tensor("y", (1, 4, 4, 2), scale=0.5)
    options = {"StrideH": stride, "StrideW": 1, "FusedActivationFunction": activation}
    builder.operator("CONV_2D", [x, w, b], [y], options)
    builder.output(y)
    return builder.finish()


def test_files_that_cannot_be_computed_are_refused() -> None:
    import_tflite(_model(), "m")
    with pytest.raises(UnsupportedModelError, match="zero point other than 0"):
        import_tflite(_model(weights_zero_point=1), "m")
    with pytest.raises(UnsupportedModelError, match="along axis 3, not 0"):
        import_tflite(_model(axis=3), "m")
    with pytest.raises(ImportModelError, match="stride 0 x 1"):
        import_tflite(_model(stride=0), "m")
    with pytest.raises(ImportModelError, match="one element for each of 2 channels"):
        import_tflite(_model(bias_count=3), "m")
    with pytest.raises(UnsupportedModelError, match="fused activation"):
        import_tflite(_model(activation="SIGN_BIT"), "m")
