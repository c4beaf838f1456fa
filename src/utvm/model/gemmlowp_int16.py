"""The logistic function and tanh in gemmlowp's fixed point of 16 bits, which LiteRT's quantized LSTM uses.

Values are int64 arrays that hold int16; results are fractions of 15 bits. utvm_fixed_point.h has the same in C.
"""

from __future__ import annotations

import numpy as np

from utvm.model.fixed_point import Int64Array

INT16_MIN, INT16_MAX = -(1 << 15), (1 << 15) - 1
# Constants of 31 bits, rounded to 15.
_ONE_THIRD = 10923
_EXP_MINUS_ONE_EIGHTH = 28918
_48_OVER_17 = 23130  # two integer bits
_MINUS_32_OVER_17 = -15420
# exp(-2**k) for k = -2 ... 4.
_EXP_OF_POWERS = (25520, 19875, 12055, 4435, 600, 11, 0)


def logistic_int16(x: Int64Array, integer_bits: int = 3) -> Int64Array:
    """1 / (1 + exp(-x)) for x with so many integer bits."""
    positive = _newton(_exp_on_negative_values(-np.abs(x), integer_bits))
    fraction = _saturated(positive << 1)
    return np.where(x == 0, 1 << 14, np.where(x > 0, fraction, INT16_MAX - fraction))


def tanh_int16(x: Int64Array, integer_bits: int) -> Int64Array:
    """tanh(x) for x with so many integer bits, 0 to 6."""
    # Twice x: the same bits with one more of them before the point.
    ratio = _newton(_exp_on_negative_values(-np.abs(x), integer_bits + 1))
    fraction = _saturated((ratio - (1 << 13)) << 2)
    return np.where(x == 0, 0, np.where(x > 0, fraction, -fraction))


def _newton(x: Int64Array) -> Int64Array:
    """2 / (1 + x) for a fraction x >= 0, with two integer bits."""
    half_denominator = (x + (1 << 15)) >> 1
    estimate = _48_OVER_17 + _high_mul(half_denominator, _MINUS_32_OVER_17)
    for _ in range(3):
        error = (1 << 13) - _high_mul(half_denominator, estimate)
        estimate = estimate + _saturated(_high_mul(estimate, error) << 2)
    return estimate


def _exp_on_negative_values(x: Int64Array, integer_bits: int) -> Int64Array:
    """exp(x) for x <= 0."""
    fraction_bits = 15 - integer_bits
    x = np.maximum(x, INT16_MIN)
    quarter = 1 << (fraction_bits - 2)
    # x = remainder - k / 4 with the remainder in [-1/4, 0); the rest of x is taken bit by bit.
    remainder = (x & (quarter - 1)) - quarter
    result = _exp_between_minus_quarter_and_zero(_saturated(remainder << integer_bits))
    quarters = remainder - x
    for exponent, factor in enumerate(_EXP_OF_POWERS, start=-2):
        if exponent < integer_bits:
            chosen = (quarters >> (fraction_bits + exponent)) & 1
            result = np.where(chosen == 1, _high_mul(result, factor), result)
    if integer_bits > 5:
        result = np.where(x < -(1 << (20 - integer_bits)), 0, result)
    return np.where(x == 0, INT16_MAX, result)


def _exp_between_minus_quarter_and_zero(x: Int64Array) -> Int64Array:
    """The Taylor series around -1/8, up to the fourth power."""
    y = x + (1 << 12)
    square = _high_mul(y, y)
    cube = _high_mul(square, y)
    fourth_over_4 = _shift_right(_high_mul(square, square), 2)
    sixths = _high_mul(fourth_over_4 + cube, _ONE_THIRD)
    series = y + _shift_right(sixths + square, 1)
    return _saturated(_EXP_MINUS_ONE_EIGHTH + _high_mul(series, _EXP_MINUS_ONE_EIGHTH))


def _high_mul(a: Int64Array, b: Int64Array | int) -> Int64Array:
    """round(a * b / 2**15), halves up, saturated in the one case that overflows."""
    return np.asarray(np.minimum((a * b + (1 << 14)) >> 15, INT16_MAX), dtype=np.int64)


def _shift_right(x: Int64Array, exponent: int) -> Int64Array:
    """x / 2**exponent, rounded, halves away from zero."""
    mask = (1 << exponent) - 1
    return np.asarray((x >> exponent) + ((x & mask) > (mask >> 1) + (x < 0)), dtype=np.int64)


def _saturated(x: Int64Array) -> Int64Array:
    return np.asarray(np.clip(x, INT16_MIN, INT16_MAX), dtype=np.int64)
