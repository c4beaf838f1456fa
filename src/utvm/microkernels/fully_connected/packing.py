"""Weights, biases and requantization as the dot products of a fully connected layer read them.

Sums arrive as 256 a. With t = 31 - shift, round(a * multiplier / 2**t), halves up, plus the zero point is
(SMMLA(256 a, multiplier, addend)) >> (t - 24): SMMLA takes the upper word, and the addend holds both the half and the
zero point. Rounding once, the truth rounds halves of negative products down: the same where no product is a half.
Rounding twice, it rounds halves up, and a shift of 0 leaves the second nothing to do.
"""

from __future__ import annotations

import numpy as np

from utvm.microkernels.conv import ChannelRanges, pack_pairs
from utvm.model.fixed_point import INT32_MAX, INT32_MIN, Int64Array
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

SCALE_WORDS = 3
"""Multiplier, addend, right shift."""

QUAD_ORDER = (0, 2, 1, 3)
"""Taps in the order in which SXTB16 gives them: the even bytes of a word, then the odd ones."""

_SUM_BITS = 8
_LARGEST_SHIFT = 23


def dot_weights(weights: Array, padded_depth: int, channels: int, interleaved: int = 1) -> Array:
    """int32 words of int8 weights [units, depth], `channels` units at a time: [groups, padded_depth / 2, pairs].

    Units and depth are filled up with zeros, depth to whole groups of four, which are in QUAD_ORDER. The order is
    [groups / interleaved, padded_depth / 2, interleaved, pairs] if so many divide the groups.
    """
    units, depth = weights.shape
    rows = channels + channels % 2
    groups = -(-units // channels)
    padded = np.zeros((groups * rows, padded_depth), dtype=np.int8)
    used = np.arange(units) // channels * rows + np.arange(units) % channels
    padded[used, :depth] = weights
    ordered = padded.reshape(-1, padded_depth // 4, 4)[..., list(QUAD_ORDER)].reshape(padded.shape)
    words = pack_pairs(ordered, [(channel, channel + 1) for channel in range(0, groups * rows, 2)])
    blocks = words.reshape(groups // interleaved, interleaved, rows // 2, padded_depth // 2)
    return np.ascontiguousarray(blocks.transpose(0, 3, 1, 2)).reshape(-1)


def dot_biases(bias: Int64Array, channels: int) -> Array:
    """int32 per pair of units: the bias of the low one, and of the raw sum; groups as in `dot_weights`."""
    rows = channels + channels % 2
    groups = -(-len(bias) // channels)
    padded = np.zeros(groups * rows, dtype=np.int64)
    used = np.arange(len(bias)) // channels * rows + np.arange(len(bias)) % channels
    padded[used] = bias
    low, high = padded[0::2], padded[1::2]
    return np.stack([low, low + 256 * high], axis=1).reshape(-1).astype(np.uint64).astype(np.uint32).view(np.int32)


def dot_scales(requantization: Requantization, zero_point: int) -> Array:
    """int32 [1 or units, SCALE_WORDS] of scales that `scales_refusal` accepts."""
    multipliers, totals = _entries(requantization)
    addends = _addends(totals, zero_point)
    return np.stack([multipliers, addends, totals - 32 + _SUM_BITS], axis=1).astype(np.int32)


def scales_refusal(requantization: Requantization, zero_point: int, ranges: ChannelRanges) -> str:
    """Why sums in these ranges cannot be requantized exactly; empty if they can."""
    halves_up = requantization.rounding == "double" and not any(requantization.shifts)
    if requantization.rounding != "single" and not halves_up:
        return f"requantization rounds {requantization.rounding}, not single"
    multipliers, totals = _entries(requantization)
    shifts = totals - 32 + _SUM_BITS
    if shifts.min() < 1 or shifts.max() > _LARGEST_SHIFT:
        return f"a shift of {int(shifts.min())} ... {int(shifts.max())}, not 1 ... {_LARGEST_SHIFT}, would be needed"
    for reach in (ranges.least, ranges.greatest):
        upper = ((reach * multipliers) >> (32 - _SUM_BITS)) + _addends(totals, zero_point)
        if upper.min() < INT32_MIN or upper.max() > INT32_MAX:
            return "a sum could leave int32 while it is rounded"
    # The product of a and a multiplier divisible by 2**v is a half only if 2**(t - 1 - v) divides a.
    divisors = np.where(multipliers > 0, multipliers & -multipliers, np.int64(1) << 62)
    halves = np.int64(1) << (totals - 1)
    if not halves_up and np.any((divisors <= halves) & (-ranges.least * divisors >= halves)):
        return "products can be halves, of which the negative ones are rounded another way"
    return ""


def _entries(requantization: Requantization) -> tuple[Int64Array, Int64Array]:
    """Multipliers, and 31 - shift."""
    shifts = np.array(requantization.shifts, dtype=np.int64)
    return np.array(requantization.multipliers, dtype=np.int64), 31 - shifts


def _addends(totals: Int64Array, zero_point: int) -> Int64Array:
    shifts = totals - 32 + _SUM_BITS
    return np.asarray((np.int64(1) << (shifts - 1)) + (np.int64(zero_point) << shifts), dtype=np.int64)
