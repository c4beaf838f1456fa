"""PAD and PADV2 against LiteRT."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Array, Case, compare, compare_all
from tests.operators.data_cases import MOVED_DTYPES, any_array, moving_model, random_quantization, random_shape
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Pad
from utvm.model.tensor import Tensor
from utvm.operators import rule_of
from utvm.operators.pad import merged_axes


def _model(
    shape: tuple[int, ...],
    dtype: str,
    paddings: Array,
    value: Array | None = None,
    quantizations: tuple[dict[str, Any], dict[str, Any], dict[str, Any]] = ({}, {}, {}),
) -> bytes:
    """Quantizations are of the input, of the output and of the value."""
    builder = ModelBuilder()
    x = builder.input("x", shape, dtype, **quantizations[0])
    inputs = [x, builder.constant("paddings", paddings)]
    if value is not None:
        inputs.append(builder.constant("value", value, **quantizations[2]))
    padded = [extent + int(sum(pair)) for extent, pair in zip(shape, paddings, strict=True)]
    y = builder.tensor("y", padded, dtype, **quantizations[1])
    builder.operator("PAD" if value is None else "PADV2", inputs, [y], {})
    builder.output(y)
    return builder.finish()


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice([*MOVED_DTYPES, "int64"]))
    rank = int(rng.integers(1, 6))
    shape = random_shape(rng, rank, largest=5)
    paddings = rng.integers(0, 4, (rank, 2)) * rng.choice([0, 1, 1], (rank, 1))
    paddings = paddings.astype(str(rng.choice(["int32", "int32", "int64", "int16", "int8"])))
    quantized = rng.random() < 0.8
    quantization = random_quantization(rng, dtype) if quantized else {}
    output = random_quantization(rng, dtype) if quantized and rng.random() < 0.2 else quantization
    value = any_array(rng, [[], [1]][int(rng.integers(2))], dtype) if rng.random() < 0.4 else None
    model = _model(shape, dtype, paddings, value, (quantization, output, output))
    return Case(model, (any_array(rng, shape, dtype),), f"seed {seed}: {dtype} {shape} {paddings.tolist()}")


def test_equals_litert() -> None:
    assert compare_all((_case(seed) for seed in range(160)), at_least=150) >= 150


def test_images_are_padded_by_their_zero_point() -> None:
    quantization = {"scale": 0.5, "zero_point": -7}
    paddings = np.array([[0, 0], [1, 2], [3, 4], [0, 0]], np.int32)
    model = _model((2, 3, 4, 5), "int8", paddings, None, (quantization, quantization, {}))
    agreed = compare(model, [np.full((2, 3, 4, 5), 9, np.int8)])
    assert agreed is not None
    assert agreed.outputs[0][0, 0, 0, 0] == -7


@pytest.mark.parametrize(
    ("shape", "paddings", "expected"),
    [
        ((2, 3, 4, 5), ((0, 0), (1, 1), (2, 0), (0, 0)), ((2, 3, 20), ((0, 0), (1, 1), (10, 0)))),
        ((1, 3), ((1, 1), (2, 2)), ((1, 3), ((1, 1), (2, 2)))),
        ((1, 1, 3), ((0, 0), (0, 0), (2, 2)), ((3,), ((2, 2),))),
        ((2, 3), ((0, 0), (0, 0)), ((6,), ((0, 0),))),
        ((), (), ((1,), ((0, 0),))),
    ],
)
def test_axes_without_padding_merge(shape: tuple[int, ...], paddings: Any, expected: Any) -> None:
    assert merged_axes(shape, paddings) == expected


@pytest.mark.parametrize("paddings", [[[0, 0], [-1, 2]], [[0, 0]], [[0, 0, 0], [0, 0, 0]]])
def test_paddings_that_do_not_fit_are_malformed(paddings: list[list[int]]) -> None:
    model = moving_model("PAD", ((2, 3), "int8", {}), [np.array(paddings, np.int32)], [(2, 4)])
    with pytest.raises(ImportModelError, match="paddings"):
        import_tflite(model, "bad.tflite")


def test_a_declared_shape_that_differs_is_an_error_before_any_memory_is_used() -> None:
    paddings = np.array([[0, 1 << 40], [0, 0]], np.int64)
    model = moving_model("PAD", ((2, 3), "int8", {}), [paddings], [(2, 4)])
    with pytest.raises(ImportModelError, match="the model says"):
        import_tflite(model, "bad.tflite")


def test_a_value_of_another_quantization_is_reported() -> None:
    quantization = {"scale": 0.5, "zero_point": 1}
    model = _model(
        (2,), "int8", np.ones((1, 2), np.int32), np.array([3], np.int8), (quantization, quantization, {"scale": 1.0})
    )
    with pytest.raises(UnsupportedModelError, match="quantized otherwise"):
        import_tflite(model, "odd.tflite")


def test_a_value_without_end_is_reported() -> None:
    model = _model((2,), "float32", np.ones((1, 2), np.int32), np.array([-np.inf], np.float32))
    with pytest.raises(UnsupportedModelError, match="-inf"):
        import_tflite(model, "odd.tflite")


@pytest.mark.parametrize(
    "change",
    [
        {"paddings": ((0, 0),)},
        {"paddings": ((0, 0), (0, -1))},
        {"value": 128},
        {"value": 0.5},
        {"value": float("nan")},
        {"inputs": ()},
    ],
)
def test_wrong_graphs_are_errors(change: dict[str, Any]) -> None:
    operator = replace(Pad(name="p", inputs=("x",), outputs=("y",), paddings=((0, 0), (1, 1)), value=0), **change)
    with pytest.raises(ModelError, match="Pad p"):
        rule_of(operator).infer(operator, tuple(Tensor(name, (2, 3), "int8") for name in operator.inputs))
