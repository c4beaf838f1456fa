"""Fixed-point arithmetic of LiteRT's reference kernels, in numpy; utvm_fixed_point.h is the same in C.

Every function takes and returns int64 arrays that hold int32 values, so that nothing wraps unnoticed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from utvm.model.operator_types import Requantization

Int64Array = npt.NDArray[np.int64]
INT32_MIN = -(1 << 31)
INT32_MAX = (1 << 31) - 1


def quantize_multiplier(real: float) -> tuple[int, int]:
    """The pair (multiplier, shift) with real ~ multiplier * 2**(shift - 31) and multiplier in [2**30, 2**31).

    Source: LiteRT QuantizeMultiplier. Multipliers below 2**-32 become zero.
    """
    if real == 0.0:
        return 0, 0
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier //= 2
        shift += 1
    if shift < -31:
        return 0, 0
    return multiplier, shift


def doubling_high_mul(a: Int64Array, b: Any) -> Int64Array:
    """round(a * b / 2**31), halves up, saturated in the one case that overflows (gemmlowp).

    gemmlowp's nudge is not symmetric: adding 1 - 2**30 to a negative product and truncating rounds its halves up.
    """
    product = a * np.asarray(b, dtype=np.int64)
    return np.asarray(np.minimum((product + (1 << 30)) >> 31, INT32_MAX), dtype=np.int64)


def rounding_shift_right(x: Int64Array, exponent: Any) -> Int64Array:
    """x / 2**exponent, rounded to nearest, halves away from zero (gemmlowp)."""
    exponent = np.asarray(exponent, dtype=np.int64)
    mask = (np.int64(1) << exponent) - 1
    remainder = x & mask
    threshold = (mask >> 1) + (x < 0)
    return np.asarray((x >> exponent) + (remainder > threshold), dtype=np.int64)


def multiply_double_rounding(x: Int64Array, multiplier: Any, shift: Any) -> Int64Array:
    """LiteRT MultiplyByQuantizedMultiplier: shift left, doubling high multiply, rounding shift right."""
    shift = np.asarray(shift, dtype=np.int64)
    left = np.maximum(shift, 0)
    right = np.maximum(-shift, 0)
    shifted = wrap_int32(x << left)
    return rounding_shift_right(doubling_high_mul(shifted, multiplier), right)


def multiply_single_rounding(x: Int64Array, multiplier: Any, shift: Any) -> Int64Array:
    """x * multiplier * 2**(shift - 31), rounded once, halves away from zero, saturated to int32."""
    total_shift = 31 - np.asarray(shift, dtype=np.int64)
    half = np.int64(1) << (total_shift - 1)
    scaled = (x * np.asarray(multiplier, dtype=np.int64) + half - (x < 0)) >> total_shift
    return np.asarray(np.clip(scaled, INT32_MIN, INT32_MAX), dtype=np.int64)


def multiply_wide(x: Int64Array, multiplier: Any, shift: Any) -> Int64Array:
    """x * multiplier * 2**(shift - 53) in double precision, rounded, halves away from zero, saturated to int32."""
    mantissa = np.asarray(multiplier, dtype=np.float64)
    product = x.astype(np.float64) * np.ldexp(mantissa, np.asarray(shift, dtype=np.int64) - 53)
    # Not floor(|product| + 0.5): that sum rounds, too.
    whole = np.floor(np.abs(product))
    rounded = np.copysign(whole + (np.abs(product) - whole >= 0.5), product)
    return np.asarray(np.clip(rounded, INT32_MIN, INT32_MAX), dtype=np.int64)


_MULTIPLY = {"double": multiply_double_rounding, "single": multiply_single_rounding, "wide": multiply_wide}


def requantize(x: Int64Array, requantization: Requantization) -> Int64Array:
    """Scale accumulators; per-channel multipliers apply along the last axis."""
    multipliers = np.array(requantization.multipliers, dtype=np.int64)
    shifts = np.array(requantization.shifts, dtype=np.int64)
    if len(multipliers) == 1:
        # Of no axis, so that a scalar stays one.
        multipliers, shifts = multipliers.reshape(()), shifts.reshape(())
    return _MULTIPLY[requantization.rounding](x, multipliers, shifts)


def wrap_int32(x: Int64Array) -> Int64Array:
    """The value an int32 register would hold."""
    return np.asarray(((x + (1 << 31)) & 0xFFFFFFFF) - (1 << 31), dtype=np.int64)


def finish(x: Int64Array, zero_point: int, clamp: tuple[int, int]) -> npt.NDArray[np.int8]:
    """Add the output zero point and clamp to int8."""
    return np.clip(x + zero_point, clamp[0], clamp[1]).astype(np.int8)
