"""Transcendental functions in the fixed point of gemmlowp, which LiteRT's reference kernels use.

Numbers are fractions of 31 bits unless a function says otherwise; "Qm.n" has m integer and n fraction bits.
"""

from __future__ import annotations

import numpy as np

from utvm.model.fixed_point import INT32_MAX, INT32_MIN, Int64Array, doubling_high_mul, rounding_shift_right

_ONE_THIRD = 715827883
_EXP_MINUS_ONE_EIGHTH = 1895147668
# exp(-2**k) for k = -2 ... 4.
_EXP_OF_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_FRACTION_BITS = 26


def exp_on_negative_values(x: Int64Array) -> Int64Array:
    """exp(x) for x <= 0 in Q5.26; exp(0) is the largest fraction, 2**31 - 1."""
    quarter = np.int64(1 << (_FRACTION_BITS - 2))
    # x = remainder - k / 4 with the remainder in [-1/4, 0); the rest of x is taken bit by bit.
    remainder = (x & (quarter - 1)) - quarter
    result = _exp_between_minus_quarter_and_zero(remainder << 5)
    quarters = remainder - x
    for exponent, factor in enumerate(_EXP_OF_POWERS, start=-2):
        chosen = (quarters >> (_FRACTION_BITS + exponent)) & 1
        result = np.where(chosen == 1, doubling_high_mul(result, factor), result)
    return np.where(x == 0, INT32_MAX, result)


def _exp_between_minus_quarter_and_zero(x: Int64Array) -> Int64Array:
    """The Taylor series around -1/8, up to the fourth power."""
    y = x + (1 << 28)
    square = doubling_high_mul(y, y)
    cube = doubling_high_mul(square, y)
    fourth_over_4 = rounding_shift_right(doubling_high_mul(square, square), 2)
    sixths = doubling_high_mul(fourth_over_4 + cube, _ONE_THIRD)
    series = y + rounding_shift_right(sixths + square, 1)
    return np.asarray(_EXP_MINUS_ONE_EIGHTH + doubling_high_mul(series, _EXP_MINUS_ONE_EIGHTH), dtype=np.int64)


def reciprocal(x: Int64Array) -> tuple[Int64Array, Int64Array]:
    """1 / x for x >= 1 in Q12.19, as (fraction, exponent): 1 / x ~ fraction * 2**-(31 + exponent).

    Source: LiteRT GetReciprocal; utvm_reciprocal is the same in C.
    """
    leading_zeros = 32 - np.floor(np.log2(x.astype(np.float64))).astype(np.int64) - 1
    fraction = (x << leading_zeros) - (1 << 31)
    half_denominator = (fraction + INT32_MAX + 1) >> 1
    # Newton-Raphson in Q2.29 from 48/17 - 32/17 d.
    estimate = 1515870810 + doubling_high_mul(half_denominator, -1010580540)
    for _ in range(3):
        error = (1 << 29) - doubling_high_mul(half_denominator, estimate)
        estimate = estimate + _saturating_shift_left(doubling_high_mul(estimate, error), 2)
    return _saturating_shift_left(estimate, 1), 12 - leading_zeros


def _saturating_shift_left(x: Int64Array, exponent: int) -> Int64Array:
    return np.asarray(np.clip(x << exponent, INT32_MIN, INT32_MAX), dtype=np.int64)
