"""Activations that only limit a range: relu, relu6 and the like as tables."""

from __future__ import annotations

from dataclasses import replace

from utvm.model.graph import Model
from utvm.model.operator_types import (
    Add,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Lookup,
    Mul,
    Operator,
    Pool2D,
    TransposeConv2D,
)
from utvm.rewrites.editing import use_counts

Clamp = tuple[int, int]
_CLAMPED = (Add, Conv2D, DepthwiseConv2D, FullyConnected, Mul, Pool2D, TransposeConv2D)


def fuse_activation(model: Model) -> Model:
    """A Lookup that is a clamp narrows the clamp of the operator before it, when nothing else reads that."""
    uses = use_counts(model)
    producers: dict[str, int] = {}
    kept: list[Operator] = []
    for operator in model.operators:
        position = producers.get(operator.inputs[0]) if operator.inputs else None
        limits = _clamp_of(operator)
        if limits is not None and position is not None and uses[operator.inputs[0]] == 1:
            kept[position] = _narrowed(kept[position], limits, operator.outputs[0])
            producers[operator.outputs[0]] = position
            continue
        if isinstance(operator, _CLAMPED):
            producers[operator.outputs[0]] = len(kept)
        kept.append(operator)
    return model.with_operators(tuple(kept))


def _clamp_of(operator: Operator) -> Clamp | None:
    """The range [low, high] when the operator is min(max(x, low), high) of an int8 x."""
    if not isinstance(operator, Lookup) or operator.output_dtype != "int8":
        return None
    low, high = min(operator.table), max(operator.table)
    signed = (byte - 256 if byte > 127 else byte for byte in range(256))
    is_clamp = all(entry == _limit(value, (low, high)) for value, entry in zip(signed, operator.table, strict=True))
    return (low, high) if is_clamp else None


def _limit(value: int, limits: Clamp) -> int:
    return min(max(value, limits[0]), limits[1])


def _narrowed(operator: Operator, limits: Clamp, output: str) -> Operator:
    if not isinstance(operator, _CLAMPED):
        return operator
    # Limiting twice is limiting once, to the first range limited by the second.
    clamp = (_limit(operator.clamp[0], limits), _limit(operator.clamp[1], limits))
    return replace(operator, clamp=clamp, outputs=(output,))
