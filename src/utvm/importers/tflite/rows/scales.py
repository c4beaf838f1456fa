"""Quantizations that byte arithmetic can be done with."""

from __future__ import annotations

import numpy as np

from utvm.importers.tflite.node import Node, Unsupported
from utvm.model.quantization import Quantization
from utvm.model.tensor import Tensor

# A centred byte has 9 bits and a sign: shifted left any further, it would leave 32 bits.
LARGEST_RATIO = float(1 << 22)

# Between these, no product or quotient of two scales leaves float32.
SMALLEST_SCALE, LARGEST_SCALE = 2.0**-60, 2.0**60


def byte_quantization(node: Node, tensor: Tensor) -> Quantization:
    """The per-tensor quantization of an int8 or uint8 tensor, whose zero point its dtype can store."""
    node.require_dtype(tensor, "int8", "uint8")
    quantization = node.per_tensor(tensor)
    limits = np.iinfo(tensor.dtype)
    if not limits.min <= quantization.zero_point <= limits.max:
        raise node.malformed(f"zero point {quantization.zero_point} of {tensor} is not {tensor.dtype}")
    if not SMALLEST_SCALE <= quantization.scale <= LARGEST_SCALE:
        raise Unsupported(f"scale {quantization.scale:g} of {tensor.name} is outside 2**-60 ... 2**60")
    return quantization


def stored_quantization(node: Node, tensor: Tensor) -> Quantization:
    """The same of int8, uint8, or int16, whose zero point must be 0."""
    if tensor.dtype != "int16":
        node.require_dtype(tensor, "int8", "uint8", "int16")
        return byte_quantization(node, tensor)
    quantization = node.per_tensor(tensor)
    if quantization.zero_point != 0:
        raise Unsupported(f"the zero point of {tensor} is {quantization.zero_point}; int16 needs 0")
    if not SMALLEST_SCALE <= quantization.scale <= LARGEST_SCALE:
        raise Unsupported(f"scale {quantization.scale:g} of {tensor.name} is outside 2**-60 ... 2**60")
    return quantization


def require_ratio(input_: Quantization, output: Quantization, factor: float = 1.0) -> None:
    """Raise Unsupported where the output's scale is so much finer than `factor` times the input's that LiteRT's 32-bit
    arithmetic overflows."""
    if not abs(factor) * input_.scale / output.scale < LARGEST_RATIO:
        raise Unsupported(f"the output's scale {output.scale:g} is too fine for the input's {input_.scale:g}")


def same_quantization(a: Tensor, b: Tensor) -> bool:
    """Whether stored values of both tensors mean the same numbers; the axis of one scale does not matter."""
    if a.quantization is None or b.quantization is None:
        return a.quantization is b.quantization
    return a.quantization.scales == b.quantization.scales and a.quantization.zero_points == b.quantization.zero_points
