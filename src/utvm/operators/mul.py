"""Product of two tensors. LiteRT source: reference_integer_ops::Mul."""

from __future__ import annotations

from typing import Any

import numpy as np

from utvm.model.fixed_point import finish, requantize
from utvm.model.operator_types import Mul
from utvm.model.tensor import Array, Tensor
from utvm.operators.broadcast import broadcast_shape, elementwise_kernel
from utvm.operators.checks import require_clamp, require_inputs, require_int8, require_requantization
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, inputs_like_output


class MulRule(OperatorRule[Mul]):
    """Two int8 tensors of shapes that broadcast."""

    def infer(self, operator: Mul, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        require_inputs(operator, inputs, "int8", "int8")
        require_requantization(operator, operator.requantization)
        require_int8(operator, "zero point", *operator.input_zero_points, operator.output_zero_point)
        require_clamp(operator, operator.clamp)
        return (TensorType(broadcast_shape(operator, *inputs), "int8"),)

    def reference(self, operator: Mul, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        a, b = (
            values.astype(np.int64) - zero_point
            for values, zero_point in zip(inputs, operator.input_zero_points, strict=True)
        )
        return (finish(requantize(a * b, operator.requantization), operator.output_zero_point, operator.clamp),)

    def in_place_inputs(
        self, operator: Mul, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]
    ) -> tuple[int, ...]:
        del operator
        return inputs_like_output(inputs, outputs)

    def kernel(self, operator: Mul, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        with KernelBuilder("multiply", operator) as k:
            requantizer = k.requantization("", operator.requantization)

            def compute(*values: Any) -> Any:
                a, b = (
                    k.wide(value) - zero_point
                    for value, zero_point in zip(values, operator.input_zero_points, strict=True)
                )
                return requantizer.finish(a * b, operator.output_zero_point, operator.clamp)

            elementwise_kernel(k, inputs, outputs[0], compute)
        return k.finish()
