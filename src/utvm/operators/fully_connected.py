"""Matrix product of activations and weights. LiteRT source: reference_integer_ops::FullyConnected."""

from __future__ import annotations

import numpy as np

from utvm.model.fixed_point import finish, requantize
from utvm.model.operator_types import FullyConnected
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import (
    require_accumulator,
    require_clamp,
    require_inputs,
    require_int8,
    require_rank,
    require_requantization,
)
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, require


class FullyConnectedRule(OperatorRule[FullyConnected]):
    """Rows [N, K] int8, weights [O, K] int8, int32 bias [O]."""

    def infer(self, operator: FullyConnected, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        require_inputs(operator, inputs, "int8", "int8", "int32")
        rows, weights, bias = inputs
        require_rank(operator, rows, 2)
        require_rank(operator, weights, 2)
        units, depth = weights.shape
        require(rows.shape[1] == depth, operator, f"rows of {rows.shape[1]} elements meet weights of {depth}")
        require(bias.shape == (units,), operator, f"bias has shape {bias.shape}, not ({units},)")
        require_requantization(operator, operator.requantization, units)
        require_int8(
            operator,
            "zero point",
            operator.input_zero_point,
            operator.weights_zero_point,
            operator.output_zero_point,
        )
        require_clamp(operator, operator.clamp)
        require_accumulator(operator, weights, operator.weights_zero_point, bias, operator.input_zero_point, axis=0)
        return (TensorType((rows.shape[0], units), "int8"),)

    def reference(self, operator: FullyConnected, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        rows, weights, bias = inputs
        # Sums fit int32, so float64 (and BLAS) is exact.
        centred = rows.astype(np.float64) - operator.input_zero_point
        scaled_by = weights.astype(np.float64) - operator.weights_zero_point
        total = (centred @ scaled_by.T).astype(np.int64) + bias
        return (finish(requantize(total, operator.requantization), operator.output_zero_point, operator.clamp),)

    def macs(self, operator: FullyConnected, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> int:
        del operator, outputs
        return inputs[0].shape[0] * inputs[1].element_count

    def kernel(self, operator: FullyConnected, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        rows, weights, bias = inputs
        units, depth = weights.shape
        with KernelBuilder("fully_connected", operator) as k:
            x = k.input("input", rows)
            w = k.input("weights", weights)
            b = k.input("bias", bias)
            requantizer = k.requantization("", operator.requantization)
            out = k.output("output", outputs[0])
            with k.loops(n=rows.shape[0], o=units) as (n, o):
                acc = k.local("acc", b[o])
                with k.loop("i", 0, depth) as i:
                    weight = k.wide(w[o, i]) - operator.weights_zero_point
                    acc.add((k.wide(x[n, i]) - operator.input_zero_point) * weight)
                value = requantizer.finish(acc.value, operator.output_zero_point, operator.clamp, o)
                k.store(out, [n, o], value)
        return k.finish()
