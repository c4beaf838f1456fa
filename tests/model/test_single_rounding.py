"""Integer multipliers against double-precision rounding."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utvm.model.fixed_point import requantize
from utvm.model.single_rounding import single_rounding


def _as_litert(accumulator: int, real: float) -> int:
    product = accumulator * real
    whole = math.floor(abs(product))
    return int(math.copysign(whole + (abs(product) - whole >= 0.5), product))


def _float32(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, width=32)


def _accumulators(real: float) -> list[int]:
    """Those around every step of an int8 output."""
    around = {math.floor((step - 0.5) / real) + offset for step in range(-255, 257) for offset in range(-1, 3)}
    return sorted(value for value in around if abs(value) < 1 << 31)


@settings(max_examples=60, deadline=None)
@given(_float32(2**-10, 4), _float32(2**-10, 4), _float32(2**-6, 2**12))
def test_equals_the_double_at_every_step(input_scale: float, weight_scale: float, output_scale: float) -> None:
    real = input_scale * weight_scale / output_scale
    accumulators = _accumulators(real)
    scaled = requantize(np.array(accumulators, dtype=np.int64), single_rounding([real]))
    expected = [_as_litert(value, real) for value in accumulators]
    np.testing.assert_array_equal(np.clip(scaled, -256, 256), np.clip(expected, -256, 256))


@pytest.mark.parametrize("divisor", [3, 6, 7, 12, 1000, 4861.130859375])
def test_thirds_round_as_a_double_does(divisor: float) -> None:
    """Their halves are exact rationals, on which the rounding of a double's product decides."""
    for exponent in range(-12, 1):
        real = 2.0**exponent / divisor
        accumulators = _accumulators(real)
        scaled = requantize(np.array(accumulators, dtype=np.int64), single_rounding([real]))
        expected = [_as_litert(value, real) for value in accumulators]
        np.testing.assert_array_equal(np.clip(scaled, -256, 256), np.clip(expected, -256, 256))


def test_31_bits_are_used_where_they_do() -> None:
    assert single_rounding([0.5, 0.25]).rounding == "single"
    assert single_rounding([0.5, 0.25]).multipliers == (1 << 30, 1 << 30)
    fine = single_rounding([0.5, 1.2345678901234e-7])
    assert fine.rounding == "wide"
    assert fine.multipliers[0] == 1 << 52


def test_factors_beyond_either_end() -> None:
    assert single_rounding([2.0**-40]).multipliers == (0,)
    with pytest.raises(ValueError, match="is not below"):
        single_rounding([0.5, 2.0**30])


def test_many_channels() -> None:
    reals = [0.001 + index * 1e-6 for index in range(2500)]
    requantization = single_rounding(reals)
    assert len(requantization.multipliers) == len(requantization.shifts) == 2500
