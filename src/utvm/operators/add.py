"""Sum and difference of two tensors. LiteRT source: reference_integer_ops::Add, reference_ops::Sub."""

from __future__ import annotations

from typing import Any

import numpy as np

from utvm.model.fixed_point import finish, requantize
from utvm.model.operator_types import Add
from utvm.model.tensor import Array, Tensor
from utvm.operators.broadcast import broadcast_shape, elementwise_kernel
from utvm.operators.checks import require_clamp, require_inputs, require_int8, require_requantization
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, inputs_like_output, require

# A centred int8 has 9 bits and a sign.
MAX_LEFT_SHIFT = 22


class AddRule(OperatorRule[Add]):
    """Two int8 tensors of shapes that broadcast."""

    def infer(self, operator: Add, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        require_inputs(operator, inputs, "int8", "int8")
        require(0 <= operator.left_shift <= MAX_LEFT_SHIFT, operator, f"left shift {operator.left_shift} overflows")
        for requantization in (*operator.input_requantizations, operator.output_requantization):
            require_requantization(operator, requantization)
        # Inputs are scaled by at most one half, so that their sum fits.
        shifts = [requantization.shifts[0] for requantization in operator.input_requantizations]
        require(max(shifts) <= 0, operator, f"shifts {shifts} scale inputs up")
        require_int8(operator, "zero point", *operator.input_zero_points, operator.output_zero_point)
        require_clamp(operator, operator.clamp)
        return (TensorType(broadcast_shape(operator, *inputs), "int8"),)

    def reference(self, operator: Add, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        scaled = [
            requantize((values.astype(np.int64) - zero_point) << operator.left_shift, requantization)
            for values, zero_point, requantization in zip(
                inputs, operator.input_zero_points, operator.input_requantizations, strict=True
            )
        ]
        total = scaled[0] - scaled[1] if operator.subtract else scaled[0] + scaled[1]
        return (finish(requantize(total, operator.output_requantization), operator.output_zero_point, operator.clamp),)

    def in_place_inputs(
        self, operator: Add, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]
    ) -> tuple[int, ...]:
        del operator
        return inputs_like_output(inputs, outputs)

    def kernel(self, operator: Add, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        with KernelBuilder("subtract" if operator.subtract else "add", operator) as k:
            scalers = [k.requantization("", each) for each in operator.input_requantizations]
            finisher = k.requantization("", operator.output_requantization)

            def compute(*values: Any) -> Any:
                a, b = (
                    k.local(name, scaler.scale((k.wide(value) - zero_point) * (1 << operator.left_shift))).value
                    for name, scaler, value, zero_point in zip(
                        "ab", scalers, values, operator.input_zero_points, strict=True
                    )
                )
                total = a - b if operator.subtract else a + b
                return finisher.finish(total, operator.output_zero_point, operator.clamp)

            elementwise_kernel(k, inputs, outputs[0], compute)
        return k.finish()
