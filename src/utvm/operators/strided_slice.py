"""Every stride-th element of every axis. LiteRT source: reference_ops::StridedSlice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utvm.model.operator_types import StridedSlice
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.nest import nest
from utvm.operators.rule import OperatorRule, TensorType, require


@dataclass(frozen=True)
class SlicedAxis:
    """What is taken of one axis: `count` elements from `begin`, `stride` apart, of `extent`."""

    extent: int
    begin: int
    stride: int
    count: int

    @property
    def whole(self) -> bool:
        """Whether all elements are taken in their order."""
        return self.count == self.extent and (self.stride == 1 or self.count == 1)


class StridedSliceRule(OperatorRule[StridedSlice]):
    """Any dtype and rank; strides may be negative."""

    def infer(self, operator: StridedSlice, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs)
        rank = len(source.shape)
        require(
            len(operator.begin) == len(operator.strides) == len(operator.shape) == rank,
            operator,
            f"begin {operator.begin}, strides {operator.strides} and shape {operator.shape} do not have"
            f" the {rank} axes of {source}",
        )
        for axis in _axes(operator, source):
            last = axis.begin + (axis.count - 1) * axis.stride
            require(axis.count > 0 and axis.stride != 0, operator, f"{axis} takes nothing or does not move")
            require(
                0 <= axis.begin < axis.extent and 0 <= last < axis.extent, operator, f"{axis} leaves the input {source}"
            )
        return (TensorType(operator.shape, source.dtype),)

    def reference(self, operator: StridedSlice, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        taken = inputs[0]
        for axis, count in enumerate(operator.shape):
            begin, stride = operator.begin[axis], operator.strides[axis]
            taken = np.take(taken, np.arange(count) * stride + begin, axis=axis)
        return (taken,)

    def kernel(self, operator: StridedSlice, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        axes = merged_axes(_axes(operator, inputs[0]))
        counts = tuple(axis.count for axis in axes)
        with KernelBuilder("strided_slice", operator) as k:
            x = k.input("input", inputs[0], tuple(axis.extent for axis in axes))
            out = k.output("output", outputs[0], counts)
            with nest(k, "i", counts) as position:
                source = tuple(axis.begin + index * axis.stride for index, axis in zip(position, axes, strict=True))
                k.store(out, list(position), x[source])
        return k.finish()


def _axes(operator: StridedSlice, source: Tensor) -> tuple[SlicedAxis, ...]:
    return tuple(
        SlicedAxis(*values)
        for values in zip(source.shape, operator.begin, operator.strides, operator.shape, strict=True)
    )


def merged_axes(axes: tuple[SlicedAxis, ...]) -> tuple[SlicedAxis, ...]:
    """The same slice over fewer axes: one that is taken whole becomes part of the axis before it."""
    merged: list[SlicedAxis] = []
    for axis in axes:
        outer = merged[-1] if merged else None
        if outer is not None and axis.whole and (outer.stride == 1 or outer.count == 1):
            width = axis.extent
            merged[-1] = SlicedAxis(outer.extent * width, outer.begin * width, 1, outer.count * width)
        else:
            merged.append(axis)
    return tuple(merged) or (SlicedAxis(1, 0, 1, 1),)
