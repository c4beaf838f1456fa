"""Tensors joined along an axis. LiteRT source: reference_ops::Concatenation."""

from __future__ import annotations

import math

import numpy as np

from utvm.model.operator_types import Concatenation
from utvm.model.tensor import Array, Tensor
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, require


class ConcatenationRule(OperatorRule[Concatenation]):
    """One or more tensors of any dtype, equal but for the extent of the axis."""

    def infer(self, operator: Concatenation, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        require(len(inputs) > 0, operator, "has no inputs")
        first, axis = inputs[0], operator.axis
        require(0 <= axis < len(first.shape), operator, f"axis {axis} does not exist in {first}")
        for tensor in inputs[1:]:
            require(tensor.dtype == first.dtype, operator, f"{tensor} is not {first.dtype}")
            require(
                len(tensor.shape) == len(first.shape)
                and tensor.shape[:axis] == first.shape[:axis]
                and tensor.shape[axis + 1 :] == first.shape[axis + 1 :],
                operator,
                f"{tensor} and {first} differ in more than axis {axis}",
            )
        total = sum(tensor.shape[axis] for tensor in inputs)
        return (TensorType((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype),)

    def reference(self, operator: Concatenation, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (np.concatenate(inputs, axis=operator.axis),)

    def kernel(self, operator: Concatenation, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        outer = math.prod(outputs[0].shape[: operator.axis])
        widths = [tensor.element_count // outer for tensor in inputs]
        with KernelBuilder("concatenation", operator) as k:
            sources = [
                k.input(f"input{index}", tensor, (outer, width))
                for index, (tensor, width) in enumerate(zip(inputs, widths, strict=True))
            ]
            out = k.output("output", outputs[0], (outer, sum(widths)))
            with k.loop("row", 0, outer) as row:
                begin = 0
                for source, width in zip(sources, widths, strict=True):
                    with k.loop("i", 0, width) as i:
                        k.store(out, [row, begin + i], source[row, i])
                    begin += width
        return k.finish()
