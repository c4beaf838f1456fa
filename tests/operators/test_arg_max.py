"""ARG_MAX against LiteRT."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Array, Case, compare_all, int8_array
from tests.operators.data_cases import any_array, random_shape
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import ArgMax
from utvm.model.tensor import Tensor
from utvm.operators import rule_of


def _model(shape: tuple[int, ...], dtype: str, axis: Array, result: tuple[int, ...], output_type: str) -> bytes:
    builder = ModelBuilder()
    x = builder.input("x", shape, dtype, scale=0.5)
    y = builder.tensor("y", result, "int64" if output_type == "INT64" else "int32")
    builder.operator("ARG_MAX", [x, builder.constant("axis", axis)], [y], {"OutputType": output_type})
    builder.output(y)
    return builder.finish()


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice(["int8", "int8", "int8", "uint8", "int32"]))
    rank = int(rng.integers(1, 6))
    shape = random_shape(rng, rank, largest=12)
    axis = int(rng.integers(0, rank))
    stated = np.array(axis - rank if rng.random() < 0.5 else axis, str(rng.choice(["int32", "int64"])))
    if rng.random() < 0.5:
        stated = stated.reshape(1)
    x = int8_array(rng, shape) if dtype == "int8" else any_array(rng, shape, dtype)
    if rng.random() < 0.3:  # ties
        x = np.asarray(x // 50 if dtype != "int32" else x % 3, dtype=dtype)
    model = _model(shape, dtype, stated, (*shape[:axis], *shape[axis + 1 :]), str(rng.choice(["INT32", "INT64"])))
    return Case(model, (x,), f"seed {seed}: {dtype} {shape} along {axis}")


def test_equals_litert() -> None:
    assert compare_all((_case(seed) for seed in range(150)), at_least=150) == 150


@pytest.mark.parametrize("axis", [np.int32(2), np.int32(-3), np.int64(1 << 40), np.array([0, 1], np.int32)])
def test_an_axis_that_does_not_exist_is_malformed(axis: Any) -> None:
    with pytest.raises(ImportModelError, match="ARG_MAX"):
        import_tflite(_model((2, 3), "int8", np.asarray(axis), (2,), "INT32"), "bad.tflite")


@pytest.mark.parametrize(
    ("dtype", "output_type", "reason"), [("float32", "INT32", "float32"), ("int8", "INT16", "output type")]
)
def test_what_cannot_be_expressed_is_reported(dtype: str, output_type: str, reason: str) -> None:
    with pytest.raises(UnsupportedModelError, match=reason):
        import_tflite(_model((2, 3), dtype, np.array(0, np.int32), (3,), output_type), "odd.tflite")


@pytest.mark.parametrize(
    ("axis", "output_dtype", "shape", "dtype"),
    [
        (2, "int32", (2, 3), "int8"),
        (-1, "int32", (2, 3), "int8"),
        (0, "int32", (), "int8"),
        (0, "int16", (2,), "int8"),
        (0, "int32", (2,), "float32"),
    ],
)
def test_wrong_graphs_are_errors(
    axis: int, output_dtype: Literal["int32", "int64"], shape: tuple[int, ...], dtype: str
) -> None:
    operator = ArgMax(name="a", inputs=("x",), outputs=("y",), axis=axis, output_dtype=output_dtype)
    with pytest.raises(ModelError, match="ArgMax a"):
        rule_of(operator).infer(operator, (Tensor("x", shape, dtype),))
