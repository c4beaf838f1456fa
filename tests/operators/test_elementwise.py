"""ADD, SUB and MUL against LiteRT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Agreed, Case, compare, compare_all, compare_kernels, int8_array, scale, zero_point
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Add, Mul
from utvm.model.tensor import Tensor
from utvm.operators import rule_of
from utvm.operators.broadcast import merged_axes

ACTIVATIONS = ["NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1"]
OPERATORS = ["ADD", "SUB", "MUL"]


def _shapes(rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Two shapes that broadcast, of up to six axes."""
    common = [int(extent) for extent in rng.integers(1, 5, int(rng.integers(0, 7)))]
    if rng.random() < 0.35:
        return common, common
    a = [1 if rng.random() < 0.3 else extent for extent in common]
    b = [1 if rng.random() < 0.3 else extent for extent in common]
    shorter = b[int(rng.integers(0, len(b) + 1)) :]
    return (a, shorter) if rng.random() < 0.5 else (shorter, a)


def _output_scale(rng: np.random.Generator, operator: str, a: float, b: float) -> float:
    natural = a * b * 128 if operator == "MUL" else max(a, b)
    return float(np.float32(natural * rng.choice([1 / 64, 1 / 4, 1, 2, 300]) * rng.uniform(0.9, 1.1)))


def _case(operator: str, seed: int) -> Case:
    rng = np.random.default_rng([OPERATORS.index(operator), seed])
    shapes = _shapes(rng)
    constant = int(rng.choice([-1, -1, 0, 1]))
    scales = scale(rng), scale(rng)
    if rng.random() < 0.3:
        scales = scales[0], scales[0]
    builder = ModelBuilder()
    operands, inputs = [], []
    for index, shape in enumerate(shapes):
        values, zero = int8_array(rng, shape), zero_point(rng)
        if index == constant:
            operands.append(builder.constant(f"c{index}", values, scale=scales[index], zero_point=zero))
        else:
            operands.append(builder.input(f"x{index}", shape, scale=scales[index], zero_point=zero))
            inputs.append(values)
    output_scale = _output_scale(rng, operator, *scales)
    y = builder.tensor(
        "y", np.broadcast_shapes(tuple(shapes[0]), tuple(shapes[1])), scale=output_scale, zero_point=zero_point(rng)
    )
    builder.operator(operator, operands, [y], {"FusedActivationFunction": str(rng.choice(ACTIVATIONS))})
    builder.output(y)
    return Case(builder.finish(), tuple(inputs), f"{operator} seed {seed}, {shapes[0]} and {shapes[1]}")


@pytest.mark.parametrize("operator", OPERATORS)
def test_equals_litert(operator: str) -> None:
    compare_all((_case(operator, seed) for seed in range(130)), at_least=130)


def _all_pairs(operator: str, a: float, b: float, output: float, zero_points: Sequence[int]) -> Case:
    builder = ModelBuilder()
    x = builder.input("x", (256, 1), scale=a, zero_point=zero_points[0])
    y = builder.input("y", (1, 256), scale=b, zero_point=zero_points[1])
    z = builder.tensor("z", (256, 256), scale=output, zero_point=zero_points[2])
    builder.operator(operator, [x, y], [z], {})
    builder.output(z)
    values = np.arange(-128, 128).astype(np.int8)
    return Case(builder.finish(), (values[:, np.newaxis], values[np.newaxis]), f"{operator} {a} {b} {output}")


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_pair_of_values(operator: str) -> None:
    rng = np.random.default_rng(3)
    quantizations = [(0.5, 0.25, 0.5, (0, 0, 0)), (0.5, 0.5, 1.0, (-128, 127, 3)), (1.0, 3.0, 6.0, (5, -7, -128))]
    for _ in range(6):
        a, b = scale(rng), scale(rng)
        zero_points = zero_point(rng), zero_point(rng), zero_point(rng)
        quantizations.append((a, b, _output_scale(rng, operator, a, b), zero_points))
    compare_all((_all_pairs(operator, *each) for each in quantizations), at_least=9, kernels=9)


def _agreed(operator: str, shapes: Sequence[tuple[int, ...]]) -> Agreed:
    """A model of one operator; a single shape makes one tensor both operands."""
    rng = np.random.default_rng(17)
    builder = ModelBuilder()
    operands = [builder.input(f"x{index}", shape, scale=0.5, zero_point=index) for index, shape in enumerate(shapes)]
    y = builder.tensor("y", np.broadcast_shapes(*shapes), scale=0.75)
    builder.operator(operator, [operands[0], operands[-1]], [y], {})
    builder.output(y)
    agreed = compare(builder.finish(), [int8_array(rng, shape) for shape in shapes], f"{operator} of {shapes}")
    assert agreed is not None
    return agreed


def test_kernels_may_overwrite_an_operand_that_is_not_repeated() -> None:
    whole = (2, 3, 4)
    in_place = []
    for operator in OPERATORS:
        for shapes in ([whole], [whole, whole], [whole, (4,)], [(1, 3, 1), whole], [whole, (2, 1, 4)]):
            agreed = _agreed(operator, shapes)
            (only,) = agreed.model.operators
            inputs, outputs = agreed.model.input_tensors(only), agreed.model.output_tensors(only)
            taken = rule_of(only).in_place_inputs(only, inputs, outputs)
            assert taken == tuple(index for index, tensor in enumerate(inputs) if tensor.shape == whole)
            for index in taken:
                model = agreed.model.with_operators((replace(only, in_place=index),))
                in_place.append(replace(agreed, model=model, label=f"{agreed.label} over {index}"))
    assert len(in_place) == 21
    compare_kernels(in_place)


def test_a_tensor_may_be_both_operands() -> None:
    compare_kernels([_agreed(operator, [(3, 5)]) for operator in OPERATORS])


def test_repeated_axes_merge() -> None:
    same = merged_axes((2, 3, 4), (2, 3, 4), (2, 3, 4))
    assert (same.output, same.operands) == ((24,), ((24,), (24,)))
    channels = merged_axes((2, 3, 4), (4,), (2, 3, 4))
    assert (channels.output, channels.operands) == ((6, 4), ((6, 4), (1, 4)))
    mixed = merged_axes((5, 1, 3, 1), (1, 7, 1, 1), (5, 7, 3, 1))
    assert (mixed.output, mixed.operands) == ((5, 7, 3), ((5, 1, 3), (1, 7, 1)))
    scalars = merged_axes((), (1,), (1,))
    assert (scalars.output, scalars.operands) == ((1,), ((1,), (1,)))


def _import(operator: str, shapes: Sequence[tuple[int, ...]], scales: Sequence[float], dtype: str = "int8") -> None:
    builder = ModelBuilder()
    operands = [builder.input(f"x{i}", s, dtype, scale=q) for i, (s, q) in enumerate(zip(shapes, scales, strict=False))]
    y = builder.tensor("y", shapes[-1], dtype, scale=scales[-1])
    builder.operator(operator, operands[:2], [y], {})
    builder.output(y)
    import_tflite(builder.finish(), "m")


@pytest.mark.parametrize("operator", OPERATORS)
def test_files_that_cannot_be_computed_are_refused(operator: str) -> None:
    same = [(2, 3)] * 3
    _import(operator, same, [1.0, 1.0, 1.0])
    with pytest.raises(UnsupportedModelError, match="int16; supported: int8"):
        _import(operator, same, [1.0, 1.0, 1.0], "int16")
    with pytest.raises(ImportModelError, match="do not broadcast"):
        _import(operator, [(2, 3), (2, 2), (2, 3)], [1.0, 1.0, 1.0])
    with pytest.raises(UnsupportedModelError, match=r"not finite|too fine|not below"):
        _import(operator, same, [3e38, 3e38, 1e-30])


@pytest.mark.parametrize("operator", ["ADD", "SUB"])
def test_an_output_scale_that_litert_cannot_reach_is_refused(operator: str) -> None:
    """LiteRT stops the process, or shifts by a negative count."""
    with pytest.raises(UnsupportedModelError, match="output's scale is too fine"):
        _import(operator, [(2,)] * 3, [1.0, 1.0, 2.0**-19])
    _import(operator, [(2,)] * 3, [1.0, 1.0, 1.1 * 2.0**-19])


def test_infer_names_what_is_wrong() -> None:
    addition, product = (import_tflite(_case(name, 0).model, "m").operators[0] for name in ("ADD", "MUL"))
    assert isinstance(addition, Add) and isinstance(product, Mul)
    a, b = Tensor("a", (2, 3), "int8"), Tensor("b", (3,), "int8")
    half = addition.input_requantizations[0]
    doubled = replace(half, shifts=(1,))
    wrong: list[tuple[Add | Mul, tuple[Tensor, ...], str]] = [
        (addition, (a,), "takes 2 inputs"),
        (addition, (a, replace(b, dtype="uint8")), "must be int8"),
        (addition, (a, replace(b, shape=(2,))), "do not broadcast"),
        (replace(addition, left_shift=23), (a, b), "left shift 23"),
        (replace(addition, input_requantizations=(half, doubled)), (a, b), "scale inputs up"),
        (replace(addition, input_zero_points=(0, 999)), (a, b), "zero point 999"),
        (replace(addition, clamp=(1, 0)), (a, b), "is empty"),
        (product, (a, b, b), "takes 2 inputs"),
        (product, (a, replace(b, shape=(2,))), "do not broadcast"),
        (replace(product, requantization=replace(half, multipliers=(1, 2), shifts=(0, 0))), (a, b), "2 multipliers"),
        (replace(product, output_zero_point=128), (a, b), "zero point 128"),
    ]
    for operator, tensors, message in wrong:
        with pytest.raises(ModelError, match=message):
            rule_of(operator).infer(operator, tensors)
