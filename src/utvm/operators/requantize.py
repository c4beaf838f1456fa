"""Integers under another quantization, of which one has 16 bits. LiteRT source: reference_ops::Requantize."""

from __future__ import annotations

import numpy as np

from utvm.model.fixed_point import requantize
from utvm.model.operator_types import Requantize
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import require_requantization, sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.quantize import STORED
from utvm.operators.rule import OperatorRule, TensorType, inputs_like_output, require


class RequantizeRule(OperatorRule[Requantize]):
    """int8, uint8 or int16 to one of them, any shape."""

    def infer(self, operator: Requantize, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs, *STORED)
        require(operator.output_dtype in STORED, operator, f"cannot give {operator.output_dtype}")
        require_requantization(operator, operator.requantization)
        require(len(operator.requantization.multipliers) == 1, operator, "has more than one multiplier")
        for dtype, zero_point in (
            (source.dtype, operator.input_zero_point),
            (operator.output_dtype, operator.output_zero_point),
        ):
            limits = np.iinfo(dtype)
            require(limits.min <= zero_point <= limits.max, operator, f"zero point {zero_point} is not {dtype}")
        return (TensorType(source.shape, operator.output_dtype),)

    def reference(self, operator: Requantize, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        centred = inputs[0].astype(np.int64) - operator.input_zero_point
        limits = np.iinfo(operator.output_dtype)
        stored = requantize(centred, operator.requantization) + operator.output_zero_point
        return (np.clip(stored, limits.min, limits.max).astype(operator.output_dtype),)

    def kernel(self, operator: Requantize, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        count = inputs[0].element_count
        limits = np.iinfo(operator.output_dtype)
        zero_point = operator.output_zero_point
        with KernelBuilder("requantize", operator) as k:
            x = k.input("input", inputs[0], (count,))
            requantizer = k.requantization("", operator.requantization)
            out = k.output("output", outputs[0], (count,))
            with k.loop("i", 0, count) as i:
                scaled = k.local("scaled", requantizer.scale(k.wide(x[i]) - operator.input_zero_point))
                low, high = int(limits.min) - zero_point, int(limits.max) - zero_point
                limited = k.call("utvm_clamp", scaled.value, low, high)
                k.store(out, [i], k.cast(operator.output_dtype, limited + zero_point))
        return k.finish()

    def in_place_inputs(
        self, operator: Requantize, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]
    ) -> tuple[int, ...]:
        del operator
        return inputs_like_output(inputs, outputs)
