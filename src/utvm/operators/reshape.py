"""Another shape for the same elements. The memory plan usually lets both tensors share their bytes."""

from __future__ import annotations

import math

from utvm.model.operator_types import Reshape
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, require


class ReshapeRule(OperatorRule[Reshape]):
    """A tensor of any dtype; the order of its elements stays."""

    def infer(self, operator: Reshape, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs)
        require(all(extent > 0 for extent in operator.shape), operator, f"shape {operator.shape} is not positive")
        require(
            math.prod(operator.shape) == source.element_count,
            operator,
            f"shape {operator.shape} does not hold the {source.element_count} elements of {source}",
        )
        return (TensorType(operator.shape, source.dtype),)

    def reference(self, operator: Reshape, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0].reshape(operator.shape),)

    def kernel(self, operator: Reshape, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        count = inputs[0].element_count
        with KernelBuilder("reshape", operator) as k:
            x = k.input("input", inputs[0], (count,))
            out = k.output("output", outputs[0], (count,))
            with k.loop("i", 0, count) as i:
                k.store(out, [i], x[i])
        return k.finish()
