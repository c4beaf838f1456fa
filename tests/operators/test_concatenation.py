"""CONCATENATION and PACK against LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Array, Case, compare_all
from tests.operators.data_cases import MOVED_DTYPES, any_array, random_quantization, random_shape
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Concatenation
from utvm.model.tensor import Tensor
from utvm.operators import rule_of

Source = tuple[tuple[int, ...], dict[str, Any]]


def _model(
    operator: str,
    dtype: str,
    sources: list[Source],
    result: Source,
    options: dict[str, Any],
    constants: dict[int, Array] | None = None,
) -> bytes:
    """Inputs and the output as (shape, quantization); some inputs may be constants."""
    builder = ModelBuilder()
    fixed = constants or {}
    inputs = [
        builder.constant(f"x{index}", fixed[index], **quantization)
        if index in fixed
        else builder.input(f"x{index}", shape, dtype, **quantization)
        for index, (shape, quantization) in enumerate(sources)
    ]
    y = builder.tensor("y", result[0], dtype, **result[1])
    builder.operator(operator, inputs, [y], options)
    builder.output(y)
    return builder.finish()


def _case(seed: int, operator: str) -> Case:
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice([*MOVED_DTYPES, "int64"] if operator == "CONCATENATION" else MOVED_DTYPES))
    rank = int(rng.integers(1, 6))
    shape = random_shape(rng, rank, largest=5)
    count = int(rng.integers(1, 5))
    quantization = random_quantization(rng, dtype)
    if operator == "PACK":
        axis = int(rng.integers(0, rank + 1))
        shapes = [shape] * count
        joined = (*shape[:axis], count, *shape[axis:])
    else:
        axis = int(rng.integers(0, rank))
        extents = [int(extent) for extent in rng.integers(1, 6, count)]
        shapes = [(*shape[:axis], extent, *shape[axis + 1 :]) for extent in extents]
        joined = (*shape[:axis], sum(extents), *shape[axis + 1 :])
    sources: list[Source] = [(part, quantization) for part in shapes]
    if operator == "CONCATENATION" and dtype == "uint8" and rng.random() < 0.8:  # rescaled to the output's
        sources = [(part, random_quantization(rng, dtype) if rng.random() < 0.7 else quantization) for part in shapes]
    stated = axis - len(joined) if rng.random() < 0.5 else axis
    options = {"Axis": stated} if operator == "CONCATENATION" else {"Axis": stated, "ValuesCount": count}
    values = [any_array(rng, part, dtype) for part in shapes]
    constants = {0: values[0]} if count > 1 and rng.random() < 0.2 else {}
    model = _model(operator, dtype, sources, (joined, quantization), options, constants)
    inputs = tuple(value for index, value in enumerate(values) if index not in constants)
    return Case(model, inputs, f"{operator} seed {seed}: {dtype} {shapes} along {stated}")


@pytest.mark.parametrize(("operator", "count"), [("CONCATENATION", 160), ("PACK", 80)])
def test_equals_litert(operator: str, count: int) -> None:
    assert compare_all((_case(seed, operator) for seed in range(count)), at_least=count) == count


def _odd(options: dict[str, Any], second: Source = ((2, 3), {"scale": 0.5}), operator: str = "CONCATENATION") -> bytes:
    return _model(operator, "int8", [((2, 3), {"scale": 0.5}), second], ((2, 6), {"scale": 0.5}), options)


def test_int8_of_another_scale_is_reported() -> None:
    with pytest.raises(UnsupportedModelError, match="quantized otherwise"):
        import_tflite(_odd({"Axis": 1}, ((2, 3), {"scale": 0.25})), "odd.tflite")


def test_a_fused_activation_is_reported() -> None:
    with pytest.raises(UnsupportedModelError, match="activation"):
        import_tflite(_odd({"Axis": 1, "FusedActivationFunction": "RELU"}), "odd.tflite")


@pytest.mark.parametrize("axis", [2, -3])
def test_an_axis_that_does_not_exist_is_malformed(axis: int) -> None:
    with pytest.raises(ImportModelError, match="axis"):
        import_tflite(_odd({"Axis": axis}), "bad.tflite")


def test_shapes_that_do_not_join_are_malformed() -> None:
    with pytest.raises(ImportModelError, match="differ in more"):
        import_tflite(_odd({"Axis": 1}, ((3, 3), {"scale": 0.5})), "bad.tflite")


def test_a_wrong_count_is_malformed() -> None:
    with pytest.raises(ImportModelError, match="3 inputs"):
        import_tflite(_odd({"Axis": 0, "ValuesCount": 3}, operator="PACK"), "bad.tflite")


def test_no_inputs_are_malformed() -> None:
    for operator in ("CONCATENATION", "PACK"):
        with pytest.raises(ImportModelError, match="no inputs"):
            import_tflite(_model(operator, "int8", [], ((1,), {}), {}), "bad.tflite")


@pytest.mark.parametrize(
    ("axis", "shapes", "dtypes"),
    [
        (2, [(2, 3), (2, 3)], ["int8", "int8"]),
        (-1, [(2, 3), (2, 3)], ["int8", "int8"]),
        (0, [(2, 3), (2, 4)], ["int8", "int8"]),
        (0, [(2, 3), (2, 3, 1)], ["int8", "int8"]),
        (0, [(2, 3), (2, 3)], ["int8", "uint8"]),
        (0, [], []),
    ],
)
def test_wrong_graphs_are_errors(axis: int, shapes: list[tuple[int, ...]], dtypes: list[str]) -> None:
    inputs = tuple(
        Tensor(f"x{index}", shape, dtype) for index, (shape, dtype) in enumerate(zip(shapes, dtypes, strict=True))
    )
    operator = Concatenation(name="c", inputs=tuple(tensor.name for tensor in inputs), outputs=("y",), axis=axis)
    with pytest.raises(ModelError, match="Concatenation c"):
        rule_of(operator).infer(operator, inputs)
