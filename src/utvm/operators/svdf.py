"""A layer of low rank over time. LiteRT source: reference_ops::EvalIntegerSVDF."""

from __future__ import annotations

import numpy as np

from utvm.model.fixed_point import finish, requantize, wrap_int32
from utvm.model.operator_types import SVDF
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import require_int8, require_rank, require_requantization
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, require

INT16 = (-(1 << 15), (1 << 15) - 1)
INT8 = (-128, 127)
# Beyond it a product of input and feature weights may leave int32.
MAX_DEPTH = (1 << 31) // (255 * 128)
_DTYPES = ("int8", "int8", "int16", "int32", "int16")


class SVDFRule(OperatorRule[SVDF]):
    """int8 rows and feature weights, int16 time weights and state, int32 bias."""

    def infer(self, operator: SVDF, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        require(len(inputs) == 5, operator, f"takes 5 inputs, not {len(inputs)}")
        require(len(operator.outputs) == 2, operator, f"has 2 outputs, not {len(operator.outputs)}")
        for tensor, dtype in zip(inputs, _DTYPES, strict=True):
            require(tensor.dtype == dtype, operator, f"{tensor} must be {dtype}")
        rows, feature, time, bias, state = inputs
        for tensor in (rows, feature, time, state):
            require_rank(operator, tensor, 2)
        filters, depth = feature.shape
        rank = operator.rank
        require(rank > 0 and filters % rank == 0, operator, f"{filters} filters do not divide into units of {rank}")
        require(rows.shape[1] == depth, operator, f"rows of {rows.shape[1]} elements meet weights of {depth}")
        require(depth <= MAX_DEPTH, operator, f"sums of {depth} products can leave 32 bits")
        require(time.shape[0] == filters, operator, f"{time} are not the time weights of {filters} filters")
        require(bias.shape == (filters // rank,), operator, f"bias has shape {bias.shape}, not ({filters // rank},)")
        wanted = (rows.shape[0], filters * time.shape[1])
        require(state.shape == wanted, operator, f"state {state} should have shape {list(wanted)}")
        require_requantization(operator, operator.feature)
        require_requantization(operator, operator.requantization)
        require_int8(operator, "zero point", operator.input_zero_point, operator.output_zero_point)
        return TensorType((rows.shape[0], filters // rank), "int8"), TensorType(state.shape, "int16")

    def reference(self, operator: SVDF, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        rows, feature, time, bias, state = (value.astype(np.int64) for value in inputs)
        products = requantize((rows - operator.input_zero_point) @ feature.T, operator.feature)
        lines = state.reshape(len(rows), *time.shape)
        lines = np.concatenate([lines[:, :, 1:], np.clip(products, *INT16)[:, :, np.newaxis]], axis=2)
        sums = (lines * time).reshape(len(rows), len(bias), -1).sum(axis=2)
        total = wrap_int32(sums + bias)
        result = finish(requantize(total, operator.requantization), operator.output_zero_point, INT8)
        return result, lines.reshape(state.shape).astype(np.int16)

    def macs(self, operator: SVDF, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> int:
        del operator, outputs
        return inputs[0].shape[0] * (inputs[1].element_count + inputs[2].element_count)

    def kernel(self, operator: SVDF, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        rows, feature, time, bias, state = inputs
        filters, memory = time.shape
        with KernelBuilder("svdf", operator) as k:
            x = k.input("input", rows)
            w = k.input("weights_feature", feature)
            t = k.input("weights_time", time)
            b = k.input("bias", bias)
            lines = k.state("state", state, outputs[1], (rows.shape[0], filters, memory))
            out = k.output("output", outputs[0])
            feature_requantizer = k.requantization("feature_", operator.feature)
            requantizer = k.requantization("", operator.requantization)
            with k.loops(n=rows.shape[0], unit=filters // operator.rank) as (n, unit):
                # Unsigned, because the sum may wrap.
                total = k.local("sum", k.cast("uint32", b[unit]), "uint32")
                with k.loop("r", 0, operator.rank) as r:
                    line = unit * operator.rank + r
                    acc = k.local("acc", 0)
                    with k.loop("i", 0, rows.shape[1]) as i:
                        acc.add((k.wide(x[n, i]) - operator.input_zero_point) * k.wide(w[line, i]))
                    if memory > 1:
                        with k.loop("m", 0, memory - 1) as m:
                            older = k.local("older", k.wide(lines[n, line, m + 1]))
                            k.store(lines, [n, line, m], k.cast("int16", older.value))
                            total.add(k.cast("uint32", older.value * k.wide(t[line, m])))
                    product = k.local("product", feature_requantizer.scale(acc.value))
                    newest = k.local("newest", k.call("utvm_clamp", product.value, *INT16))
                    k.store(lines, [n, line, memory - 1], k.cast("int16", newest.value))
                    total.add(k.cast("uint32", newest.value * k.wide(t[line, memory - 1])))
                value = requantizer.finish(k.cast("int32", total.value), operator.output_zero_point, INT8)
                k.store(out, [n, unit], value)
        return k.finish()
