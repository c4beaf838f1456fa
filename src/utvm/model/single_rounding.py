"""Integer multipliers that round exactly as double-precision arithmetic does.

LiteRT's FULLY_CONNECTED scales an accumulator by a double and rounds the product, halves away from zero. The nearest
multiplier of 31 bits gives another answer for a few accumulators in a million, so multipliers are compared with the
double at every accumulator where an int8 output steps, and 53 bits are used where 31 cannot follow it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from utvm.model.fixed_point import Int64Array, multiply_single_rounding, multiply_wide
from utvm.model.operator_types import Requantization

MAX_SHIFT = 30
# Below 2**-32 no int32 reaches one half.
MIN_SHIFT = -31

# Outputs, zero point subtracted, lie within +-255; both functions are odd, so positive steps are enough.
_STEPS = np.arange(1, 257, dtype=np.int64)
_BLOCK = 1024

FloatArray = npt.NDArray[np.float64]
_Multiply = Callable[[Int64Array, Any, Any], Int64Array]


def single_rounding(reals: Sequence[float]) -> Requantization:
    """The requantization with round(acc * real) for every int32 acc and int8 output, one entry per real.

    Raises ValueError for a factor of 2**30 or more, or one that 53 bits cannot follow.
    """
    parts = [math.frexp(real) for real in reals]
    if any(shift > MAX_SHIFT for _, shift in parts):
        raise ValueError(f"scale factor {max(reals):g} is not below 2**{MAX_SHIFT}")
    mantissas = np.array([fraction if shift >= MIN_SHIFT else 0.0 for fraction, shift in parts])
    shifts = np.array([shift if shift >= MIN_SHIFT else 0 for _, shift in parts], dtype=np.int64)
    entries = tuple(int(shift) for shift in shifts)
    narrow = _multipliers(mantissas, shifts, 31, multiply_single_rounding)
    if narrow is not None:
        return Requantization(narrow, entries, "single")
    wide = _multipliers(mantissas, shifts, 53, multiply_wide)
    if wide is not None:
        return Requantization(wide, entries, "wide")
    raise ValueError("no integer multiplier rounds as the scale factor in double precision does")


def _multipliers(mantissas: FloatArray, shifts: Int64Array, bits: int, multiply: _Multiply) -> tuple[int, ...] | None:
    """Multipliers of `bits` bits that step where the doubles do; None unless there is one for every entry."""
    chosen: list[int] = []
    for begin in range(0, len(mantissas), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        found = _block(mantissas[block], shifts[block], bits, multiply)
        if (found < 0).any():
            return None
        chosen += found.tolist()
    return tuple(chosen)


def _block(mantissas: FloatArray, shifts: Int64Array, bits: int, multiply: _Multiply) -> Int64Array:
    """The multiplier nearest to each mantissa, or a neighbour; -1 where none steps where the double does."""
    first = _first_accumulators(np.ldexp(mantissas, shifts))
    nearest = np.floor(mantissas * 2.0**bits + 0.5).astype(np.int64)
    chosen = np.full(nearest.shape, -1, dtype=np.int64)
    for offset in (-1, 1, 0):
        candidate = np.clip(nearest + offset, 0, (1 << bits) - 1)
        columns = candidate[:, np.newaxis], shifts[:, np.newaxis]
        exact = (multiply(first, *columns) >= _STEPS) & (multiply(first - 1, *columns) < _STEPS)
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
