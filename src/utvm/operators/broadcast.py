"""Broadcasting of two operands: shapes, and loops over as few axes as it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from utvm.model.operator_types import Operator
from utvm.model.tensor import Tensor
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.nest import nest
from utvm.operators.rule import require


def broadcast_shape(operator: Operator, a: Tensor, b: Tensor) -> tuple[int, ...]:
    """The common shape; axes are matched from the last, and an extent of 1 is repeated."""
    rank = max(len(a.shape), len(b.shape))
    pairs = list(zip(_extended(a.shape, rank), _extended(b.shape, rank), strict=True))
    require(all(x == y or 1 in (x, y) for x, y in pairs), operator, f"{a} and {b} do not broadcast")
    return tuple(max(pair) for pair in pairs)


@dataclass(frozen=True)
class MergedAxes:
    """The same broadcast over fewer axes; an operand's extent is 1 where it is repeated."""

    output: tuple[int, ...]
    operands: tuple[tuple[int, ...], tuple[int, ...]]


def merged_axes(a: tuple[int, ...], b: tuple[int, ...], output: tuple[int, ...]) -> MergedAxes:
    """Neighbouring axes that the same operands are repeated along become one; extents of 1 vanish."""
    rank = len(output)
    merged: list[list[int]] = []
    last: tuple[bool, bool] | None = None
    for extent, x, y in zip(output, _extended(a, rank), _extended(b, rank), strict=True):
        if extent == 1:
            continue
        repeated = (x == 1, y == 1)
        if repeated == last:
            merged[-1] = [before * now for before, now in zip(merged[-1], (extent, x, y), strict=True)]
        else:
            merged.append([extent, x, y])
        last = repeated
    columns = tuple(zip(*merged, strict=True)) if merged else ((1,), (1,), (1,))
    return MergedAxes(columns[0], (columns[1], columns[2]))


def elementwise_kernel(
    k: KernelBuilder,
    inputs: tuple[Tensor, ...],
    output: Tensor,
    compute: Callable[[Any, Any], Any],
) -> None:
    """Store compute(a, b) for every pair of elements. It may write over an operand that is not repeated."""
    axes = merged_axes(inputs[0].shape, inputs[1].shape, output.shape)
    operands = [
        k.input(f"input{index + 1}", tensor, shape)
        for index, (tensor, shape) in enumerate(zip(inputs, axes.operands, strict=True))
    ]
    out = k.output("output", output, axes.output)
    with nest(k, "i", axes.output) as position:
        a, b = (
            operand[tuple(0 if extent == 1 else index for index, extent in zip(position, shape, strict=True))]
            for operand, shape in zip(operands, axes.operands, strict=True)
        )
        k.store(out, list(position), compute(a, b))


def _extended(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (1,) * (rank - len(shape)) + shape
