"""Integer multipliers that round exactly as double-precision arithmetic does.

LiteRT's FULLY_CONNECTED scales an accumulator by a double and rounds the product, halves away from zero. The nearest
multiplier of 31 bits gives another answer for a few accumulators in a million, so multipliers are compared with the
double at every accumulator where an int8 output steps, and the double's own mantissa is used where 31 bits fail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from utvm.model.fixed_point import Int64Array, multiply_single_rounding
from utvm.model.operator_types import Requantization

MAX_SHIFT = 30
# Below 2**-32 no int32 reaches one half.
MIN_SHIFT = -31

# Outputs, zero point subtracted, lie within +-255; both functions are odd, so positive steps are enough.
_STEPS = np.arange(1, 257, dtype=np.int64)
_BLOCK = 1024

FloatArray = npt.NDArray[np.float64]


def single_rounding(reals: Sequence[float]) -> Requantization:
    """The requantization with round(acc * real) for every int32 acc and int8 output, one entry per real.

    Raises ValueError for a factor of 2**30 or more.
    """
    parts = [math.frexp(real) for real in reals]
    if any(shift > MAX_SHIFT for _, shift in parts):
        raise ValueError(f"scale factor {max(reals):g} is not below 2**{MAX_SHIFT}")
    mantissas = np.array([fraction if shift >= MIN_SHIFT else 0.0 for fraction, shift in parts])
    shifts = np.array([shift if shift >= MIN_SHIFT else 0 for _, shift in parts], dtype=np.int64)
    multipliers: list[int] = []
    for begin in range(0, len(mantissas), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        multipliers += _multipliers(mantissas[block], shifts[block]).tolist()
    entries = tuple(int(shift) for shift in shifts)
    if min(multipliers) >= 0:
        return Requantization(tuple(multipliers), entries, "single")
    return Requantization(tuple(int(value) for value in np.ldexp(mantissas, 53)), entries, "wide")


def _multipliers(mantissas: FloatArray, shifts: Int64Array) -> Int64Array:
    """The 31 bits nearest to each mantissa, or a neighbour; -1 where none steps where the double does."""
    first = _first_accumulators(np.ldexp(mantissas, shifts))
    nearest = np.floor(mantissas * 2.0**31 + 0.5).astype(np.int64)
    chosen = np.full(nearest.shape, -1, dtype=np.int64)
    for offset in (-1, 1, 0):
        candidate = np.clip(nearest + offset, 0, (1 << 31) - 1)
        columns = candidate[:, np.newaxis], shifts[:, np.newaxis]
        before = multiply_single_rounding(first - 1, *columns)
        exact = (multiply_single_rounding(first, *columns) >= _STEPS) & (before < _STEPS)
        chosen = np.where((exact | (first == 0)).all(axis=1), candidate, chosen)
    return chosen


def _first_accumulators(scales: FloatArray) -> Int64Array:
    """[entry, step]: the smallest accumulator whose scaled value rounds to the step; 0 where no int32 does."""
    halfway = _STEPS - 0.5
    columns = scales[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = np.minimum(np.ceil(halfway / columns), 2.0**32)
    first = np.full(estimate.shape, 2.0**32)
    for candidate in (estimate + 1, estimate, estimate - 1):
        first = np.where((candidate * columns >= halfway) & (candidate > 0), candidate, first)
    return np.where(first < 2.0**31, first, 0.0).astype(np.int64)
