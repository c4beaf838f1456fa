"""Mean over axes. LiteRT source: reference_ops::QuantizedMeanOrSum."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np

from utvm.model.fixed_point import finish, requantize
from utvm.model.operator_types import Mean
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import require_int8, require_requantization, sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.nest import nest
from utvm.operators.rule import OperatorRule, TensorType, require

INT8_RANGE = (-128, 127)
# Sums of that many centred int8 fit an int32.
MAX_ELEMENTS = 1 << 23


class MeanRule(OperatorRule[Mean]):
    """int8 of any rank; the element count is in the multiplier."""

    def infer(self, operator: Mean, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs, "int8")
        rank = len(source.shape)
        require(
            list(operator.axes) == sorted({axis for axis in operator.axes if 0 <= axis < rank}),
            operator,
            f"axes {operator.axes} are not ascending axes of {source}",
        )
        count = math.prod(source.shape[axis] for axis in operator.axes)
        require(count <= MAX_ELEMENTS, operator, f"sums of {count} elements do not fit an int32")
        require_requantization(operator, operator.requantization)
        require_int8(operator, "zero point", operator.input_zero_point, operator.output_zero_point)
        kept = [1 if axis in operator.axes else extent for axis, extent in enumerate(source.shape)]
        dropped = () if operator.keep_dims else operator.axes
        return (TensorType(tuple(extent for axis, extent in enumerate(kept) if axis not in dropped), "int8"),)

    def reference(self, operator: Mean, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        centred = inputs[0].astype(np.int64) - operator.input_zero_point
        total = np.asarray(centred.sum(axis=operator.axes, keepdims=operator.keep_dims))
        return (finish(requantize(total, operator.requantization), operator.output_zero_point, INT8_RANGE),)

    def kernel(self, operator: Mean, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        extents, summed = merged_axes(inputs[0].shape, operator.axes)
        kept_extents = tuple(extent for axis, extent in enumerate(extents) if axis not in summed)
        count = math.prod(extents[axis] for axis in summed)
        with KernelBuilder("mean", operator) as k:
            x = k.input("input", inputs[0], extents)
            requantizer = k.requantization("", operator.requantization)
            out = k.output("output", outputs[0], kept_extents)
            with nest(k, "i", kept_extents) as kept:
                total = k.local("sum", -operator.input_zero_point * count)
                with nest(k, "r", tuple(extents[axis] for axis in summed)) as reduced:
                    outer, inner = iter(kept), iter(reduced)
                    position = tuple(next(inner if axis in summed else outer) for axis in range(len(extents)))
                    total.add(k.wide(x[position or (0,)]))
                value = requantizer.finish(total.value, operator.output_zero_point, INT8_RANGE)
                k.store(out, list(kept), value)
        return k.finish()


def merged_axes(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The same sums over fewer axes: neighbours that are both summed, or both kept, become one."""
    extents: list[int] = []
    summed: list[int] = []
    for is_summed, group in groupby(range(len(shape)), lambda axis: axis in axes):
        if is_summed:
            summed.append(len(extents))
        extents.append(math.prod(shape[axis] for axis in group))
    return tuple(extents), tuple(summed)
