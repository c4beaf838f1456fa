"""QUANTIZE from float32 and DEQUANTIZE to it, against LiteRT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.kernels.host import run_kernels
from tests.litert import ModelBuilder
from tests.operators.cases import Array, Case, compare_all, scale
from tests.operators.data_cases import any_array
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model import Model
from utvm.model.operator_types import Dequantize, Quantize
from utvm.model.tensor import Tensor
from utvm.operators import rule_of, run_reference


def _model(operator: str, shape: tuple[int, ...], source: tuple[str, Any, int], result: tuple[str, Any, int]) -> bytes:
    builder = ModelBuilder()
    x = builder.input("x", shape, source[0], scale=source[1], zero_point=0 if source[1] is None else source[2])
    y = builder.tensor("y", shape, result[0], scale=result[1], zero_point=0 if result[1] is None else result[2])
    builder.operator(operator, [x], [y], {})
    builder.output(y)
    return builder.finish()


def _values(rng: np.random.Generator, step: float, zero_point: int, shape: tuple[int, ...]) -> Array:
    """Floats around and on the halves between steps, neighbours of these, and far outside the range."""
    near = (rng.integers(-400, 400, shape) + rng.choice([0.0, 0.5, 0.4999, 0.3], shape) - zero_point) * step
    values = near.astype(np.float32)
    values = np.where(rng.random(shape) < 0.2, np.nextafter(values, np.float32(0)), values)
    far = np.where(rng.random(shape) < 0.1, values * np.float32(1e4), values)
    return np.asarray(far, dtype=np.float32)


def _quantize_cases(count: int) -> Iterator[Case]:
    rng = np.random.default_rng(3)
    for number in range(count):
        dtype = str(rng.choice(["int8", "uint8", "int16"]))
        step = scale(rng, 1e-6, 1e3)
        limits = np.iinfo(dtype)
        zero_point = int(rng.choice([limits.min, limits.max, int(rng.integers(limits.min, limits.max + 1))]))
        zero_point = 0 if dtype == "int16" else zero_point
        shape = tuple(int(extent) for extent in rng.integers(1, 9, int(rng.integers(1, 4))))
        x = _values(rng, step, zero_point, shape)
        model = _model("QUANTIZE", shape, ("float32", None, 0), (dtype, step, zero_point))
        yield Case(model, (x,), f"{number}: {dtype} {step} {zero_point}")


def _dequantize_cases(count: int) -> Iterator[Case]:
    rng = np.random.default_rng(4)
    for number in range(count):
        dtype = str(rng.choice(["int8", "uint8", "int16"]))
        limits = np.iinfo(dtype)
        zero_point = 0 if dtype == "int16" else int(rng.integers(limits.min, limits.max + 1))
        step = scale(rng, 1e-9, 1e6)
        shape = tuple(int(extent) for extent in rng.integers(1, 9, int(rng.integers(1, 4))))
        model = _model("DEQUANTIZE", shape, (dtype, step, zero_point), ("float32", None, 0))
        yield Case(model, (any_array(rng, shape, dtype),), f"{number}: {dtype} {step} {zero_point}")


def _requantize_cases(count: int) -> Iterator[Case]:
    """Between 8 and 16 bits, and between two scales of 16 bits."""
    rng = np.random.default_rng(5)
    for number in range(count):
        dtypes = [("int8", "int16"), ("int16", "int8"), ("int16", "int16")][number % 3]
        zero_points = [0 if dtype == "int16" else int(rng.integers(-128, 128)) for dtype in dtypes]
        steps = [scale(rng, 1e-5, 1e2) for _ in dtypes]
        shape = tuple(int(extent) for extent in rng.integers(1, 9, int(rng.integers(1, 4))))
        source, result = (dtypes[0], steps[0], zero_points[0]), (dtypes[1], steps[1], zero_points[1])
        model = _model("QUANTIZE", shape, source, result)
        yield Case(model, (any_array(rng, shape, dtypes[0]),), f"{number}: {source} to {result}")


def test_requantize_equals_litert() -> None:
    assert compare_all(_requantize_cases(120), at_least=120) == 120


def test_quantize_equals_litert() -> None:
    assert compare_all(_quantize_cases(150), at_least=150) == 150


def test_dequantize_equals_litert() -> None:
    assert compare_all(_dequantize_cases(120), at_least=120) == 120


@pytest.fixture(scope="module")
def quantizer() -> Model:
    return import_tflite(_model("QUANTIZE", (6,), ("float32", None, 0), ("int8", 2.0**-20, 10)), "quantize")


def test_what_no_integer_holds_saturates(quantizer: Model) -> None:
    """LiteRT's conversion is undefined there; ours is not, on the host as on the device."""
    x = np.array([np.inf, -np.inf, 3e38, -3e38, np.nan, 1e-45], dtype=np.float32)
    expected = np.array([127, -128, 127, -128, -128, 10], dtype=np.int8)
    np.testing.assert_array_equal(run_reference(quantizer, {"x": x})["y"], expected)
    flags = ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")
    np.testing.assert_array_equal(run_kernels(quantizer, {"x": x}, flags)["y"], expected)


@pytest.mark.parametrize(
    ("operator", "source", "result", "reason"),
    [
        ("QUANTIZE", ("float32", None, 0), ("int16", 1.0, 3), "zero point"),
        ("QUANTIZE", ("float32", None, 0), ("int32", 1.0, 0), "int32"),
        ("QUANTIZE", ("uint8", 1.0, 0), ("int16", 1.0, 0), "uint8 to int16"),
        ("QUANTIZE", ("float32", None, 0), ("int8", [1.0, 2.0], 0), "per channel"),
        ("QUANTIZE", ("float32", None, 0), ("int8", None, 0), "not quantized"),
        ("QUANTIZE", ("int32", 1.0, 0), ("int8", 1.0, 0), "int32"),
        ("DEQUANTIZE", ("int8", None, 0), ("float32", None, 0), "not quantized"),
        ("DEQUANTIZE", ("int16", 1.0, 3), ("float32", None, 0), "zero point"),
        ("DEQUANTIZE", ("int32", 1.0, 0), ("float32", None, 0), "int32"),
    ],
)
def test_what_cannot_be_expressed_is_reported(
    operator: str, source: tuple[str, Any, int], result: tuple[str, Any, int], reason: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=reason):
        import_tflite(_model(operator, (2,), source, result), "odd.tflite")


def test_a_zero_point_outside_the_dtype_is_malformed() -> None:
    with pytest.raises(ImportModelError, match="zero point"):
        import_tflite(_model("QUANTIZE", (2,), ("float32", None, 0), ("uint8", 1.0, -1)), "bad.tflite")


@pytest.mark.parametrize("change", [{"scale": 0.0}, {"scale": float("nan")}, {"scale": 0.1}, {"zero_point": 200}])
def test_wrong_graphs_are_errors(change: dict[str, Any]) -> None:
    quantize = Quantize(name="q", inputs=("x",), outputs=("y",), scale=0.5, zero_point=0)
    dequantize = Dequantize(name="d", inputs=("x",), outputs=("y",), scale=0.5, zero_point=0)
    with pytest.raises(ModelError, match="Quantize q"):
        rule_of(quantize).infer(replace(quantize, **change), (Tensor("x", (3,), "float32"),))
    with pytest.raises(ModelError, match="Dequantize d"):
        rule_of(dequantize).infer(replace(dequantize, **change), (Tensor("x", (3,), "int8"),))


def test_wrong_dtypes_are_errors() -> None:
    quantize = Quantize(name="q", inputs=("x",), outputs=("y",), scale=0.5, zero_point=0)
    dequantize = Dequantize(name="d", inputs=("x",), outputs=("y",), scale=0.5, zero_point=0)
    with pytest.raises(ModelError, match="must be float32"):
        rule_of(quantize).infer(quantize, (Tensor("x", (3,), "int8"),))
    with pytest.raises(ModelError, match="must be int8"):
        rule_of(dequantize).infer(dequantize, (Tensor("x", (3,), "float32"),))
    with pytest.raises(ModelError, match="one input"):
        rule_of(quantize).infer(quantize, ())
