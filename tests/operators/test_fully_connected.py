"""FULLY_CONNECTED against LiteRT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Case, compare, compare_all, int8_array, scale, zero_point
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import FullyConnected, Reshape
from utvm.model.tensor import Tensor
from utvm.operators import check_model, rule_of

ACTIVATIONS = ["NONE", "RELU", "RELU6", "RELU_N1_TO_1"]


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    depth, units = int(rng.choice([1, 2, 3, 8, 17, 64])), int(rng.choice([1, 2, 5, 16]))
    rank = int(rng.choice([1, 2, 2, 3, 4]))
    keep = bool(rng.random() < 0.4)
    leading = [int(extent) for extent in rng.integers(1, 4, rank - 1)]
    if rank == 3 and not keep:
        shape, batch = [2, 3, 2 * depth], 12
    else:
        shape, batch = [*leading, depth], int(np.prod(leading, dtype=int))
    per_channel = bool(rng.random() < 0.5) and units > 1
    input_scale = scale(rng)
    weight_scales = np.array([scale(rng) for _ in range(units if per_channel else 1)], dtype=np.float32)
    spread = 128 * np.sqrt(depth) * rng.uniform(0.2, 20)
    output_scale = float(np.float32(input_scale * weight_scales.max() * spread * rng.choice([1 / 64, 1, 64])))
    constant_weights = bool(rng.random() < 0.8)

    builder = ModelBuilder()
    x = builder.input("x", shape, scale=input_scale, zero_point=zero_point(rng))
    weights = int8_array(rng, (units, depth))
    weights_zero_point = 0 if per_channel else int(rng.choice([0, 0, 3, -128, 127]))
    inputs = [int8_array(rng, shape)]
    if constant_weights or per_channel:
        w = builder.constant("w", weights, scale=weight_scales, zero_point=weights_zero_point)
    else:
        w = builder.input("w", (units, depth), scale=weight_scales, zero_point=weights_zero_point)
        inputs.append(weights)
    bias = None
    if rng.random() < 0.7:
        values = rng.integers(-(1 << 20), 1 << 20, units, dtype=np.int32) // int(rng.choice([1, 1000]))
        bias = builder.constant("b", values, scale=input_scale * weight_scales)
    out_shape = [*shape[:-1], units] if keep else [batch, units]
    y = builder.tensor("y", out_shape, scale=output_scale, zero_point=zero_point(rng))
    activation = str(rng.choice(ACTIVATIONS))
    options: dict[str, Any] = {"KeepNumDims": keep, "FusedActivationFunction": activation}
    builder.operator("FULLY_CONNECTED", [x, w, bias], [y], options)
    builder.output(y)
    return Case(builder.finish(), tuple(inputs), f"seed {seed}")


def _cases(count: int) -> Iterator[Case]:
    return (_case(seed) for seed in range(count))


def test_equals_litert() -> None:
    compare_all(_cases(120), at_least=100)


def _steps_case(input_scale: float, weight_scale: float, output_scale: float) -> Case:
    """Every accumulator at which some output steps, and its neighbours, each as the bias of a unit of its own."""
    real = float(np.float32(input_scale)) * float(np.float32(weight_scale)) / float(np.float32(output_scale))
    first = np.floor((np.arange(-128, 128) - 0.5) / real)
    biases = np.concatenate([first + offset for offset in range(-1, 3)])
    biases = biases[np.abs(biases) < 2**31 - 2**16].astype(np.int32)
    builder = ModelBuilder()
    x = builder.input("x", (1, 1), scale=input_scale)
    w = builder.constant("w", np.ones((len(biases), 1), np.int8), scale=weight_scale)
    b = builder.constant("b", biases, scale=input_scale * weight_scale)
    y = builder.tensor("y", (1, len(biases)), scale=output_scale)
    builder.operator("FULLY_CONNECTED", [x, w, b], [y], {})
    builder.output(y)
    return Case(builder.finish(), (np.zeros((1, 1), np.int8),), f"{input_scale} * {weight_scale} / {output_scale}")


def test_every_step_of_the_output_is_where_litert_has_it() -> None:
    """Rounding is decided there, and there alone; thirds, sixths and fine factors are the hard ones."""
    rng = np.random.default_rng(5)
    factors = [(1.0, 1.0, float(n)) for n in (1, 2, 3, 6, 7, 12, 14, 18, 10**4, 10**6)]
    factors += [(scale(rng), scale(rng), 1.0) for _ in range(40)]
    compare_all([_steps_case(*each) for each in factors], kernels=10)


def test_other_ranks_are_framed_by_reshapes() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (2, 3, 4), scale=0.5)
    w = builder.constant("w", np.ones((5, 4), np.int8), scale=0.5)
    y = builder.tensor("y", (2, 3, 5), scale=0.5)
    builder.operator("FULLY_CONNECTED", [x, w], [y], {"KeepNumDims": True})
    builder.output(y)
    model = import_tflite(builder.finish(), "m")
    assert [type(operator) for operator in model.operators] == [Reshape, FullyConnected, Reshape]
    assert (
        rule_of(model.operators[1]).macs(
            model.operators[1], model.input_tensors(model.operators[1]), model.output_tensors(model.operators[1])
        )
        == 6 * 5 * 4
    )
    check_model(model)


def test_a_bias_of_two_axes_is_flattened() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 2), scale=0.5)
    w = builder.constant("w", np.ones((3, 2), np.int8), scale=0.5)
    b = builder.constant("b", np.array([[5, -6, 7]], np.int32), scale=0.25)
    y = builder.tensor("y", (1, 3), scale=0.5)
    builder.operator("FULLY_CONNECTED", [x, w, b], [y], {})
    builder.output(y)
    assert compare(builder.finish(), [np.array([[3, 4]], np.int8)]) is not None


@pytest.mark.parametrize(
    ("shape", "out_shape", "options", "error", "message"),
    [
        ((1, 5), (1, 3), {}, ImportModelError, "does not divide into rows of 2"),
        ((1, 4), (1, 3), {}, ImportModelError, r"should have shape \[2, 3\]"),
        ((3, 4), (3, 3), {"KeepNumDims": True}, ImportModelError, "does not end in rows of 2"),
        ((1, 2), (1, 3), {"WeightsFormat": "SHUFFLED4x16INT8"}, UnsupportedModelError, "weights format 1"),
        ((1, 2), (1, 3), {"FusedActivationFunction": "TANH"}, UnsupportedModelError, "fused activation"),
    ],
)
def test_what_does_not_fit_is_refused(
    shape: tuple[int, ...], out_shape: tuple[int, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    builder = ModelBuilder()
    x = builder.input("x", shape, scale=0.5)
    w = builder.constant("w", np.ones((3, 2), np.int8), scale=0.5)
    y = builder.tensor("y", out_shape, scale=0.5)
    builder.operator("FULLY_CONNECTED", [x, w], [y], options)
    builder.output(y)
    with pytest.raises(error, match=message):
        import_tflite(builder.finish(), "m")


def test_a_factor_beyond_the_register_is_refused() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 2), scale=1e20)
    w = builder.constant("w", np.ones((3, 2), np.int8), scale=1.0)
    y = builder.tensor("y", (1, 3), scale=1.0)
    builder.operator("FULLY_CONNECTED", [x, w], [y], {})
    builder.output(y)
    with pytest.raises(UnsupportedModelError, match=r"scale factor 1e\+20 is not below"):
        import_tflite(builder.finish(), "m")


def _parts() -> tuple[FullyConnected, tuple[Tensor, ...]]:
    model = import_tflite(_case(1).model, "m")
    operator = next(each for each in model.operators if isinstance(each, FullyConnected))
    return operator, model.input_tensors(operator)


def test_infer_names_what_is_wrong() -> None:
    operator, (rows, weights, bias) = _parts()
    rule = rule_of(operator)
    rule.infer(operator, (rows, weights, bias))
    wrong = [
        (operator, (rows, weights), "takes 3 inputs"),
        (operator, (replace(rows, dtype="uint8"), weights, bias), "must be int8"),
        (operator, (replace(rows, shape=(*rows.shape, 1)), weights, bias), "must have 2 axes"),
        (operator, (replace(rows, shape=(1, rows.shape[1] + 1)), weights, bias), "meet weights of"),
        (operator, (rows, weights, replace(bias, shape=(bias.shape[0] + 1,))), "bias has shape"),
        (replace(operator, clamp=(5, 4)), (rows, weights, bias), "is empty"),
        (replace(operator, input_zero_point=200), (rows, weights, bias), "zero point 200"),
        (
            replace(operator, requantization=replace(operator.requantization, shifts=(31,))),
            (rows, weights, bias),
            "multipliers|shift",
        ),
        (
            operator,
            (replace(rows, shape=(1, 1 << 18)), replace(weights, shape=(weights.shape[0], 1 << 18), data=None), bias),
            "does not hold",
        ),
    ]
    for candidate, tensors, message in wrong:
        with pytest.raises(ModelError, match=message):
            rule.infer(candidate, tensors)
