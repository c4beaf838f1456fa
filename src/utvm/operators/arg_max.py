"""Index of the largest element along an axis. LiteRT source: reference_ops::ArgMinMax."""

from __future__ import annotations

import math

import numpy as np

from utvm.model.operator_types import ArgMax
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, require


class ArgMaxRule(OperatorRule[ArgMax]):
    """int8, uint8 or int32 of any rank from one; the first of several largest wins."""

    def infer(self, operator: ArgMax, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs, "int8", "uint8", "int32")
        axis = operator.axis
        require(0 <= axis < len(source.shape), operator, f"axis {axis} does not exist in {source}")
        require(operator.output_dtype in ("int32", "int64"), operator, f"cannot give {operator.output_dtype}")
        return (TensorType((*source.shape[:axis], *source.shape[axis + 1 :]), operator.output_dtype),)

    def reference(self, operator: ArgMax, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (np.asarray(np.argmax(inputs[0], axis=operator.axis), dtype=operator.output_dtype),)

    def kernel(self, operator: ArgMax, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        shape = inputs[0].shape
        outer, count = math.prod(shape[: operator.axis]), shape[operator.axis]
        inner = inputs[0].element_count // (outer * count)
        with KernelBuilder("arg_max", operator) as k:
            # A single element is the largest whatever it is, and a parameter that is not read would be a warning.
            x = k.input("input", inputs[0], (outer, count, inner)) if count > 1 else None
            out = k.output("output", outputs[0], (outer, inner))
            with k.loops(row=outer, column=inner) as (row, column):
                if x is None:
                    k.store(out, [row, column], k.literal(0, operator.output_dtype))
                else:
                    largest = k.local("largest", k.wide(x[row, 0, column]))
                    index = k.local("index", 0)
                    with k.loop("i", 1, count) as i, k.when(k.wide(x[row, i, column]) > largest.value):
                        largest.set(k.wide(x[row, i, column]))
                        index.set(i)
                    k.store(out, [row, column], k.cast(operator.output_dtype, index.value))
        return k.finish()
