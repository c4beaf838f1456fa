"""Softmax over the last axis, in gemmlowp's fixed point. LiteRT source: reference_ops::Softmax."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from utvm.model.fixed_point import Int64Array, doubling_high_mul, rounding_shift_right
from utvm.model.gemmlowp import exp_on_negative_values, reciprocal
from utvm.model.operator_types import Softmax
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import Expression, KernelBuilder, Scalar
from utvm.operators.rule import OperatorRule, TensorType, inputs_like_output, require

INPUT_INTEGER_BITS = 5
SUM_INTEGER_BITS = 12
# Exponentials are at most 1.
MAX_CLASSES = (1 << SUM_INTEGER_BITS) - 1
OUTPUT_BITS = 8
# Where the sum reaches 512 every probability rounds to 0. (LiteRT stops the process there.)
SUM_OF_NOTHING = 512 << (31 - SUM_INTEGER_BITS)


class SoftmaxRule(OperatorRule[Softmax]):
    """int8 of any rank but zero; output scale 1/256, zero point -128."""

    def infer(self, operator: Softmax, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs, "int8")
        require(len(source.shape) > 0, operator, f"{source} has no axis")
        require(source.shape[-1] <= MAX_CLASSES, operator, f"sums of {source.shape[-1]} exponentials can overflow")
        require(0 <= operator.input_multiplier < 1 << 31, operator, "the multiplier exceeds 31 bits")
        require(0 <= operator.input_left_shift <= 31, operator, f"shift {operator.input_left_shift} is out of range")
        reach = INPUT_INTEGER_BITS + 26
        require(
            operator.diff_min <= 0 and -operator.diff_min << operator.input_left_shift <= 1 << reach,
            operator,
            f"differences down to {operator.diff_min} overflow",
        )
        return (TensorType(source.shape, "int8"),)

    def reference(self, operator: Softmax, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        values = inputs[0].astype(np.int64)
        table = exponentials(operator).astype(np.int64)
        below = np.minimum(values.max(axis=-1, keepdims=True) - values, len(table) - 1)
        exps = table[below]
        total = rounding_shift_right(exps, SUM_INTEGER_BITS).sum(axis=-1, keepdims=True)
        scale, exponent = reciprocal(total)
        scale = np.where(total < SUM_OF_NOTHING, scale, 0)
        shift = np.minimum(exponent + 31 - OUTPUT_BITS, 31)
        probabilities = rounding_shift_right(doubling_high_mul(exps, scale), shift)
        return (np.clip(probabilities - 128, -128, 127).astype(np.int8),)

    def in_place_inputs(
        self, operator: Softmax, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]
    ) -> tuple[int, ...]:
        del operator
        return inputs_like_output(inputs, outputs)

    def kernel(self, operator: Softmax, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        classes = inputs[0].shape[-1]
        rows = math.prod(inputs[0].shape[:-1])
        table = exponentials(operator)
        with KernelBuilder("softmax", operator) as k:
            x = k.input("input", inputs[0], (rows, classes))
            exps = k.constant("exponentials", table)
            out = k.output("output", outputs[0], (rows, classes))
            with k.loop("row", 0, rows) as row:
                largest = k.local("largest", -128)
                with k.loop("i", 0, classes) as i:
                    largest.set(k.maximum(largest.value, k.wide(x[row, i])))
                total = k.local("sum", 0)
                with k.loop("i", 0, classes) as i:
                    exponential = k.local("exponential", exps[_entry(k, largest, x[row, i], len(table))])
                    total.add(k.call("utvm_rounding_shift_right", exponential.value, SUM_INTEGER_BITS))
                reciprocal_of_sum = k.call("utvm_reciprocal", total.value)
                scale = k.local("scale", k.select(total.value < SUM_OF_NOTHING, reciprocal_of_sum, 0))
                zeros = k.call("utvm_leading_zeros", k.cast("uint32", total.value))
                shift = k.local("shift", k.minimum(SUM_INTEGER_BITS + 31 - OUTPUT_BITS - zeros, 31))
                with k.loop("i", 0, classes) as i:
                    product = k.local(
                        "product",
                        k.call("utvm_doubling_high_mul", exps[_entry(k, largest, x[row, i], len(table))], scale.value),
                    )
                    probability = k.call("utvm_rounding_shift_right", product.value, shift.value)
                    k.store(out, [row, i], k.cast("int8", k.minimum(probability - 128, 127)))
        return k.finish()


def _entry(k: KernelBuilder, largest: Scalar, value: Expression, entries: int) -> Expression:
    """Where a value's exponential is found in the table."""
    below = largest.value - k.wide(value)
    return k.minimum(below, entries - 1) if entries < 256 else below


@lru_cache(maxsize=64)
def _exponentials(multiplier: int, left_shift: int, diff_min: int) -> Int64Array:
    differences = np.arange(0, max(diff_min, -255) - 1, -1, dtype=np.int64)
    scaled = doubling_high_mul(differences << left_shift, np.int64(multiplier))
    values = exp_on_negative_values(scaled)
    return values if len(values) == 256 else np.append(values, 0)


def exponentials(operator: Softmax) -> Array:
    """exp of how far an input lies below the largest, as int32 fractions of 31 bits, [<= 256].

    Where there are fewer than 256 entries the last one is 0 and stands for all inputs further below.
    """
    values = _exponentials(operator.input_multiplier, operator.input_left_shift, operator.diff_min)
    return values.astype(np.int32)
