"""Operators that give back their input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from utvm.model.graph import Model
from utvm.model.operator_types import (
    Concatenation,
    Lookup,
    Operator,
    Pad,
    Pool2D,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    StridedSlice,
)
from utvm.model.tensor import Tensor
from utvm.rewrites.editing import renamed

BYTES = 256


def _always(operator: Operator, source: Tensor) -> bool:
    del operator, source
    return True


def _is_no_copy(operator: Reshape, source: Tensor) -> bool:
    del source
    return not operator.copies


def _reads_every_element(operator: StridedSlice, source: Tensor) -> bool:
    # As many elements as the axis has, so steps of one begin at its first.
    return all(stride == 1 or extent == 1 for stride, extent in zip(operator.strides, source.shape, strict=True))


def _maps_to_itself(operator: Lookup, source: Tensor) -> bool:
    del source
    return all(entry % BYTES == byte for byte, entry in enumerate(operator.table))


def _is_one_element(operator: Pool2D, source: Tensor) -> bool:
    del source
    return operator.window == (1, 1) and operator.clamp == (-128, 127)


def _keeps_positions(operator: ResizeNearest, source: Tensor) -> bool:
    del source
    # Both together round every position up to the next pixel.
    return not (operator.align_corners and operator.half_pixel_centers)


# What makes an operator whose output has the shape and dtype of its first input a no-op.
_NO_OPS: dict[type[Operator], Callable[[Any, Tensor], bool]] = {
    Concatenation: _always,
    Lookup: _maps_to_itself,
    Pad: _always,
    Pool2D: _is_one_element,
    Reshape: _is_no_copy,
    ResizeBilinear: _always,
    ResizeNearest: _keeps_positions,
    StridedSlice: _reads_every_element,
}


def is_no_op(model: Model, operator: Operator) -> bool:
    """Whether the operator's result equals its first input, bit for bit."""
    condition = _NO_OPS.get(type(operator))
    if condition is None:
        return False
    source, result = model.tensors[operator.inputs[0]], model.tensors[operator.outputs[0]]
    return (source.shape, source.dtype) == (result.shape, result.dtype) and condition(operator, source)


def remove_no_ops(model: Model) -> Model:
    """Let the readers of a no-op read its input.

    When the no-op's result is a result of the model, its producer writes that instead; where it cannot, because the
    input is itself given or a result, or a constant, a Reshape stands in: the cheapest of copies.
    """
    fixed = {*model.given, *model.results}
    aliases: dict[str, str] = {}
    promoted: dict[str, str] = {}
    kept: list[Operator] = []
    for operator in model.operators:
        operator = renamed(operator, aliases)
        if not is_no_op(model, operator):
            kept.append(operator)
            continue
        source, result = operator.inputs[0], operator.outputs[0]
        if result not in fixed:
            aliases[result] = source
        elif source in fixed or source in promoted or model.tensors[source].is_constant:
            kept.append(_as_reshape(model, operator))
        else:
            promoted[source] = result
    return model.with_operators(tuple(renamed(operator, promoted) for operator in kept))


def _as_reshape(model: Model, operator: Operator) -> Operator:
    shape = model.tensors[operator.outputs[0]].shape
    return Reshape(name=operator.name, inputs=operator.inputs, outputs=operator.outputs, shape=shape)
