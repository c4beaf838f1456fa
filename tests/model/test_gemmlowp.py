"""gemmlowp's functions against real ones."""

from __future__ import annotations

import numpy as np

from utvm.model.gemmlowp import exp_on_negative_values, reciprocal


def test_exp_is_right_to_six_digits() -> None:
    x = np.unique(-np.geomspace(1, 31 << 26, 5000).astype(np.int64))
    got = exp_on_negative_values(x) / 2.0**31
    np.testing.assert_allclose(got, np.exp(x / 2.0**26), rtol=0, atol=4e-7)


def test_exp_of_zero_is_the_largest_fraction() -> None:
    assert exp_on_negative_values(np.zeros(1, np.int64)).tolist() == [2**31 - 1]


def test_reciprocals_are_right_to_eight_digits() -> None:
    x = np.unique(np.geomspace(1 << 19, (1 << 31) - 1, 5000).astype(np.int64))
    fraction, exponent = reciprocal(x)
    assert fraction.min() > (1 << 30) - 8 and fraction.max() < 1 << 31
    np.testing.assert_allclose(fraction * 2.0 ** -(31.0 + exponent), 2.0**19 / x, rtol=1e-8)
