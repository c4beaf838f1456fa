"""Fused activations and padding as the TFLite schema names them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tflite

from utvm.errors import ModelError
from utvm.importers.tflite.node import Unsupported
from utvm.model.operator_types import Padding
from utvm.model.quantization import Quantization

_REAL_RANGES: dict[int, tuple[float | None, float | None]] = {
    tflite.ActivationFunctionType.NONE: (None, None),
    tflite.ActivationFunctionType.RELU: (0.0, None),
    tflite.ActivationFunctionType.RELU6: (0.0, 6.0),
    tflite.ActivationFunctionType.RELU_N1_TO_1: (-1.0, 1.0),
}


def clamp_of(activation: int, output: Quantization, low: int = -128, high: int = 127) -> tuple[int, int]:
    """The stored range [low, high] that a fused activation leaves of the output dtype's range.

    Source: LiteRT CalculateActivationRangeQuantized; the bound is quantized in float32, halves away from zero.
    """
    if activation not in _REAL_RANGES:
        raise Unsupported(f"fused activation {activation} is not supported")
    real_low, real_high = _REAL_RANGES[activation]
    if real_low is not None:
        low = max(low, _quantized(real_low, output))
    if real_high is not None:
        high = min(high, _quantized(real_high, output))
    return low, high


def _quantized(real: float, output: Quantization) -> int:
    with np.errstate(over="ignore"):
        ratio = float(np.float32(real) / np.float32(output.scale))
    if abs(ratio) >= 1 << 31:
        raise ModelError(f"the output's scale {output.scale} is too small for its fused activation")
    return output.zero_point + int(math.copysign(math.floor(abs(ratio) + 0.5), ratio))


def padding_of(
    scheme: int,
    image: tuple[int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> Padding:
    """Explicit padding of the SAME and VALID schemes."""
    if scheme == tflite.Padding.VALID:
        return Padding()
    if scheme != tflite.Padding.SAME:
        raise Unsupported(f"padding scheme {scheme} is not supported")
    top, bottom = _same(image[0], window[0], strides[0], dilation[0])
    left, right = _same(image[1], window[1], strides[1], dilation[1])
    return Padding(top, bottom, left, right)


def _same(extent: int, window: int, stride: int, dilation: int) -> tuple[int, int]:
    positions = -(-extent // stride)
    total = max(0, (positions - 1) * stride + (window - 1) * dilation + 1 - extent)
    return total // 2, total - total // 2


def positive_pair(node: Any, what: str, first: int, second: int) -> tuple[int, int]:
    """Two extents of an option that must be positive and fit 16 bits."""
    if not (0 < first < 1 << 16 and 0 < second < 1 << 16):
        raise node.malformed(f"{what} {first} x {second} is out of range")
    return first, second
