"""Between float32 and stored integers. LiteRT source: reference_ops::AffineQuantize and Dequantize."""

from __future__ import annotations

import math

import numpy as np

from utvm.model.operator_types import Dequantize, Operator, Quantize
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, require

STORED = ("int8", "uint8", "int16")


def _require_quantization(operator: Operator, scale: float, zero_point: int, dtype: str) -> None:
    require(math.isfinite(scale) and scale > 0, operator, f"scale {scale} is not a positive number")
    require(scale == float(np.float32(scale)), operator, f"scale {scale} is not a float32")
    limits = np.iinfo(dtype)
    require(limits.min <= zero_point <= limits.max, operator, f"zero point {zero_point} is not {dtype}")


class QuantizeRule(OperatorRule[Quantize]):
    """float32 to int8, uint8 or int16, any shape."""

    def infer(self, operator: Quantize, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs, "float32")
        require(operator.output_dtype in STORED, operator, f"cannot give {operator.output_dtype}")
        _require_quantization(operator, operator.scale, operator.zero_point, operator.output_dtype)
        return (TensorType(source.shape, operator.output_dtype),)

    def reference(self, operator: Quantize, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        limits = np.iinfo(operator.output_dtype)
        with np.errstate(over="ignore"):
            steps = inputs[0] / np.float32(operator.scale)
        # Limited before it is rounded, so that the integer exists; the limits are whole numbers, so nothing changes.
        low, high = limits.min - operator.zero_point, limits.max - operator.zero_point
        steps = np.where(steps > low, np.where(steps < high, steps, high), low).astype(np.float64)
        rounded = np.copysign(np.floor(np.abs(steps) + 0.5), steps).astype(np.int64)
        return ((rounded + operator.zero_point).astype(operator.output_dtype),)

    def kernel(self, operator: Quantize, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        count = inputs[0].element_count
        limits = np.iinfo(operator.output_dtype)
        with KernelBuilder("quantize", operator) as k:
            x = k.input("input", inputs[0], (count,))
            out = k.output("output", outputs[0], (count,))
            with k.loop("i", 0, count) as i:
                value = k.call(
                    "utvm_quantize_float",
                    x[i],
                    k.literal(operator.scale, "float32"),
                    k.literal(operator.zero_point),
                    k.literal(limits.min),
                    k.literal(limits.max),
                )
                k.store(out, [i], k.cast(operator.output_dtype, value))
        return k.finish()


class DequantizeRule(OperatorRule[Dequantize]):
    """int8, uint8 or int16 to float32, any shape.

    The centred integer has at most 17 bits and the scale 24, so their float32 product is their exact product rounded
    once, whatever width it is computed in.
    """

    def infer(self, operator: Dequantize, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs, "int8", "uint8", "int16")
        _require_quantization(operator, operator.scale, operator.zero_point, source.dtype)
        return (TensorType(source.shape, "float32"),)

    def reference(self, operator: Dequantize, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        centred = inputs[0].astype(np.int32) - operator.zero_point
        with np.errstate(over="ignore"):
            return (centred.astype(np.float32) * np.float32(operator.scale),)

    def kernel(self, operator: Dequantize, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        count = inputs[0].element_count
        with KernelBuilder("dequantize", operator) as k:
            x = k.input("input", inputs[0], (count,))
            out = k.output("output", outputs[0], (count,))
            with k.loop("i", 0, count) as i:
                centred = k.cast("float32", k.wide(x[i]) - operator.zero_point)
                k.store(out, [i], centred * k.literal(operator.scale, "float32"))
        return k.finish()
