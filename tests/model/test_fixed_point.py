"""Fixed-point arithmetic against exact rational arithmetic."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utvm.model.fixed_point import (
    INT32_MAX,
    INT32_MIN,
    doubling_high_mul,
    finish,
    multiply_double_rounding,
    multiply_single_rounding,
    multiply_wide,
    quantize_multiplier,
    requantize,
    rounding_shift_right,
    wrap_int32,
)
from utvm.model.operator_types import Requantization

INT32 = st.integers(INT32_MIN, INT32_MAX) | st.sampled_from([INT32_MIN, INT32_MIN + 1, -1, 0, 1, INT32_MAX])
MULTIPLIER = st.integers(1 << 30, INT32_MAX) | st.sampled_from([0, 1 << 30, INT32_MAX])


def _one(value: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([value], dtype=np.int64)


def _halves_away(value: Fraction) -> int:
    rounded = math.floor(abs(value) + Fraction(1, 2))
    return rounded if value >= 0 else -rounded


def _saturated(value: int) -> int:
    return min(max(value, INT32_MIN), INT32_MAX)


@given(st.floats(1e-12, 1e9))
def test_a_multiplier_has_31_significant_bits(real: float) -> None:
    multiplier, shift = quantize_multiplier(real)
    if real < 2.0**-32:
        assert (multiplier, shift) == (0, 0)
        return
    assert 1 << 30 <= multiplier < 1 << 31
    assert abs(Fraction(multiplier) * Fraction(2) ** (shift - 31) / Fraction(real) - 1) <= Fraction(1, 1 << 31)


def test_a_multiplier_that_rounds_up_to_one_is_halved() -> None:
    assert quantize_multiplier(1 - 2.0**-40) == (1 << 30, 1)
    assert quantize_multiplier(0.0) == (0, 0)
    assert quantize_multiplier(0.5) == (1 << 30, 0)


@given(INT32, INT32)
def test_doubling_high_mul_rounds_halves_up(a: int, b: int) -> None:
    exact = math.floor(Fraction(a * b, 1 << 31) + Fraction(1, 2))
    assert doubling_high_mul(_one(a), b).tolist() == [_saturated(exact)]


@given(INT32, st.integers(0, 31))
def test_shifts_round_halves_away_from_zero(x: int, exponent: int) -> None:
    assert rounding_shift_right(_one(x), exponent).tolist() == [_halves_away(Fraction(x, 1 << exponent))]


@given(INT32, MULTIPLIER, st.integers(-31, 30))
def test_double_rounding_rounds_the_product_and_then_the_shift(x: int, multiplier: int, shift: int) -> None:
    shifted = x * (1 << max(shift, 0))
    wrapped = (shifted - INT32_MIN) % (1 << 32) + INT32_MIN
    high = _saturated(math.floor(Fraction(wrapped * multiplier, 1 << 31) + Fraction(1, 2)))
    expected = _halves_away(Fraction(high, 1 << max(-shift, 0)))
    assert multiply_double_rounding(_one(x), multiplier, shift).tolist() == [expected]


@given(INT32, st.integers(0, INT32_MAX), st.integers(-31, 30))
def test_single_rounding_is_exact_but_for_one_rounding(x: int, multiplier: int, shift: int) -> None:
    expected = _saturated(_halves_away(Fraction(x * multiplier) * Fraction(2) ** (shift - 31)))
    assert multiply_single_rounding(_one(x), multiplier, shift).tolist() == [expected]


@given(INT32, st.integers(1 << 52, (1 << 53) - 1) | st.just(0), st.integers(-31, 30))
def test_wide_rounding_is_that_of_a_double(x: int, multiplier: int, shift: int) -> None:
    product = Fraction(float(x) * math.ldexp(multiplier, shift - 53))
    assert multiply_wide(_one(x), multiplier, shift).tolist() == [_saturated(_halves_away(product))]


def test_channels_lie_along_the_last_axis() -> None:
    values = np.array([[100, 100, 100], [-7, -7, -7]], dtype=np.int64)
    per_channel = Requantization((1 << 30, 1 << 30, 1 << 30), (0, 1, -1))
    assert requantize(values, per_channel).tolist() == [[50, 100, 25], [-3, -7, -2]]
    assert requantize(values, Requantization((1 << 30,), (0,))).tolist() == [[50] * 3, [-3] * 3]
    assert requantize(values, Requantization((1 << 30,), (0,), "single")).tolist() == [[50] * 3, [-4] * 3]
    assert requantize(values, Requantization((1 << 52,), (0,), "wide")).tolist() == [[50] * 3, [-4] * 3]
    assert requantize(np.array(8, dtype=np.int64), Requantization((1 << 30,), (0,))).shape == ()


@given(st.integers(-(1 << 40), 1 << 40))
def test_wrapping_keeps_the_low_bits(x: int) -> None:
    (wrapped,) = wrap_int32(_one(x)).tolist()
    assert INT32_MIN <= wrapped <= INT32_MAX
    assert (wrapped - x) % (1 << 32) == 0


@pytest.mark.parametrize(("value", "expected"), [(-1000, -128), (-5, -2), (0, 3), (90, 93), (98, 100), (1000, 100)])
def test_finishing_adds_the_zero_point_before_it_clamps(value: int, expected: int) -> None:
    result = finish(_one(value), 3, (-128, 100))
    assert result.dtype == np.int8
    assert result.tolist() == [expected]
