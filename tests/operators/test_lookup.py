"""Activations and requantization as tables, over all 256 inputs, against LiteRT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.kernels.host import run_kernels
from tests.litert import ModelBuilder
from tests.operators.cases import Case, compare, compare_all
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Lookup
from utvm.model.tensor import Tensor
from utvm.operators import rule_of

EVERY_BYTE = np.arange(256, dtype=np.uint8)
ACTIVATIONS = ["LOGISTIC", "TANH", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "HARD_SWISH", "LEAKY_RELU"]


def _model(
    operator: str,
    source: tuple[str, float, int],
    result: tuple[str, float, int],
    options: dict[str, Any] | None = None,
) -> bytes:
    builder = ModelBuilder()
    x = builder.input("x", (2, 128), source[0], scale=source[1], zero_point=source[2])
    y = builder.tensor("y", (2, 128), result[0], scale=result[1], zero_point=result[2])
    builder.operator(operator, [x], [y], options or {})
    builder.output(y)
    return builder.finish()


def _scale(rng: np.random.Generator) -> float:
    kind = rng.random()
    if kind < 0.4:
        return float(np.float32(rng.uniform(0.001, 0.3)))
    return float(np.float32(2.0 ** (rng.integers(-12, 8) if kind < 0.6 else rng.uniform(-12, 8))))


def _zero_point(rng: np.random.Generator, dtype: str) -> int:
    limits = np.iinfo(dtype)
    return int(rng.choice([limits.min, limits.max, int(rng.integers(limits.min, limits.max + 1))]))


def _cases(operator: str, count: int) -> Iterator[Case]:
    rng = np.random.default_rng(ACTIVATIONS.index(operator) if operator in ACTIVATIONS else 99)
    for number in range(count):
        dtype = str(rng.choice(["int8", "int8", "uint8"]))
        result_dtype = str(rng.choice(["int8", "uint8"])) if operator == "QUANTIZE" else dtype
        source = (dtype, _scale(rng), _zero_point(rng, dtype))
        scale = source[1] if rng.random() < 0.2 else _scale(rng)
        if operator == "LOGISTIC":
            scale = 1 / 256
        if operator == "HARD_SWISH":  # outputs that LiteRT's 16 bits can express
            scale = source[1] * float(rng.choice([0.3, 1.0, 3.0, 50.0, 400.0]))
        result = (result_dtype, scale, _zero_point(rng, result_dtype))
        options = {"Alpha": float(rng.choice([0.0, 0.01, 0.3, 1.0, 2.5, -0.7]))} if operator == "LEAKY_RELU" else {}
        model = _model(operator, source, result, options)
        yield Case(model, (EVERY_BYTE.view(dtype).reshape(2, 128),), f"{operator} {number}: {source} -> {result}")


@pytest.mark.parametrize("operator", [*ACTIVATIONS, "QUANTIZE"])
def test_every_input_equals_litert(operator: str) -> None:
    assert compare_all(_cases(operator, 80), at_least=75, kernels=12) >= 75


def test_int8_to_uint8_is_a_flip_of_the_sign_bit() -> None:
    model = _model("QUANTIZE", ("int8", 0.5, -3), ("uint8", 0.5, 125))
    agreed = compare(model, [EVERY_BYTE.view(np.int8).reshape(2, 128)])
    assert agreed is not None
    (operator,) = agreed.model.operators
    assert isinstance(operator, Lookup)
    assert operator.table == tuple((np.arange(256) ^ 128).tolist())


def test_a_table_in_place_gives_the_same() -> None:
    model = import_tflite(_model("TANH", ("int8", 0.02, 5), ("int8", 1 / 128, 0)), "tanh")
    in_place = replace(model, operators=(replace(model.operators[0], in_place=0),))
    x = EVERY_BYTE.view(np.int8).reshape(2, 128)
    np.testing.assert_array_equal(run_kernels(in_place, {"x": x})["y"], run_kernels(model, {"x": x})["y"])


@pytest.mark.parametrize(
    ("operator", "source", "result", "reason"),
    [
        ("LOGISTIC", ("int8", 0.1, 0), ("int8", 1 / 128, -128), "1/256"),
        ("HARD_SWISH", ("int8", 200.0, 0), ("int8", 1.0, 0), "16-bit"),
        ("HARD_SWISH", ("int8", 2.0**21, 0), ("int8", 2.0**21, 0), "16-bit"),
        ("RELU", ("int8", 1e9, 0), ("int8", 1e-9, 0), "too fine"),
        ("QUANTIZE", ("int8", 1e9, 0), ("uint8", 1e-9, 0), "too fine"),
        ("TANH", ("int8", 1e-30, 0), ("int8", 1.0, 0), "outside"),
        ("TANH", ("int16", 1.0, 0), ("int16", 2.0**-15, 0), "int16"),
        ("RELU", ("int8", 1.0, 0), ("uint8", 1.0, 0), "uint8"),
    ],
)
def test_what_cannot_be_expressed_is_reported(
    operator: str, source: tuple[str, float, int], result: tuple[str, float, int], reason: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=reason):
        import_tflite(_model(operator, source, result), "odd.tflite")


def test_a_zero_point_outside_the_dtype_is_malformed() -> None:
    with pytest.raises(ImportModelError, match="zero point 300"):
        import_tflite(_model("RELU", ("int8", 1.0, 300), ("int8", 1.0, 0)), "bad.tflite")


@pytest.mark.parametrize("alpha", [float("nan"), float("inf")])
def test_an_alpha_that_is_no_number_is_malformed(alpha: float) -> None:
    with pytest.raises(ImportModelError, match="alpha"):
        import_tflite(_model("LEAKY_RELU", ("int8", 1.0, 0), ("int8", 1.0, 0), {"Alpha": alpha}), "bad.tflite")


@pytest.mark.parametrize(
    ("change", "dtype", "message"),
    [
        ({"table": (0,) * 255}, "int8", "255 entries"),
        ({"table": (128,) * 256}, "int8", "not int8"),
        ({"output_dtype": "int16"}, "int8", "int16"),
        ({}, "int32", "must be int8 or uint8"),
    ],
)
def test_wrong_graphs_are_errors(change: dict[str, Any], dtype: str, message: str) -> None:
    operator = Lookup(name="f", inputs=("x",), outputs=("y",), function="f", table=(0,) * 256)
    with pytest.raises(ModelError, match=message):
        rule_of(operator).infer(replace(operator, **change), (Tensor("x", (3,), dtype),))
