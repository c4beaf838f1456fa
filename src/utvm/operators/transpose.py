"""Axes in another order. LiteRT source: reference_ops::Transpose."""

from __future__ import annotations

import numpy as np

from utvm.model.operator_types import Transpose
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.nest import nest
from utvm.operators.rule import OperatorRule, TensorType, require


class TransposeRule(OperatorRule[Transpose]):
    """Any dtype and rank."""

    def infer(self, operator: Transpose, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs)
        require(
            sorted(operator.permutation) == list(range(len(source.shape))),
            operator,
            f"{operator.permutation} does not order the axes of {source}",
        )
        return (TensorType(tuple(source.shape[axis] for axis in operator.permutation), source.dtype),)

    def reference(self, operator: Transpose, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0].transpose(operator.permutation).copy(order="C"),)

    def kernel(self, operator: Transpose, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        extents, permutation = merged_axes(inputs[0].shape, operator.permutation)
        permuted = tuple(extents[axis] for axis in permutation)
        with KernelBuilder("transpose", operator) as k:
            x = k.input("input", inputs[0], extents)
            out = k.output("output", outputs[0], permuted)
            with nest(k, "o", permuted) as position:
                source = tuple(position[permutation.index(axis)] for axis in range(len(extents)))
                k.store(out, list(position), x[source])
        return k.finish()


def merged_axes(shape: tuple[int, ...], permutation: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shape and permutation of the same transpose over fewer axes: those of extent one go, neighbours merge."""
    runs: list[list[int]] = []  # input axes that stay next to each other, in the output's order
    real = [axis for axis, extent in enumerate(shape) if extent > 1]
    for axis in (axis for axis in permutation if axis in real):
        if runs and real.index(axis) == real.index(runs[-1][-1]) + 1:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    ordered = sorted(runs)
    extents = tuple(int(np.prod([shape[axis] for axis in run])) for run in ordered)
    return extents or (1,), tuple(ordered.index(run) for run in runs) or (0,)
