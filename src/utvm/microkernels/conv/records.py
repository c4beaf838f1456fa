"""What a convolution tile needs beside weights: per pair of channels a record of biases and requantization.

A tile computes, for an accumulator a, v = SMMULR(2a, multiplier), which is gemmlowp's doubling high multiply, then
(v + (v >> 31) + addend) >> shift, saturated to int8. The addend holds both the half that rounds and the output's zero
point. Where everything below the zero point is clamped away, negative v need not be rounded right and v >> 31 is left
out ("floor").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from utvm.microkernels.conv.packing import ChannelRanges
from utvm.model.fixed_point import INT32_MAX, INT32_MIN, Int64Array, doubling_high_mul
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

Rounding = Literal["away", "floor"]

RECORD_WORDS = 8
"""bias of low, raw bias, then (multiplier, addend, shift) of low and of high."""

# With more, the zero point shifted left would leave an int32.
_LARGEST_SHIFT = 23


def rounding_of(zero_point: int, clamp: tuple[int, int]) -> Rounding:
    """The cheaper way where it gives the same bytes: outputs at or below the zero point are all clamped to one."""
    return "floor" if clamp[0] >= zero_point else "away"


def records_refusal(requantization: Requantization, zero_point: int, rounding: Rounding, ranges: ChannelRanges) -> str:
    """Why a tile cannot requantize these channels exactly; empty if it can."""
    if requantization.rounding != "double":
        return f"requantization rounds {requantization.rounding}, not double"
    multiplier, addend, shift = _scaling(requantization, zero_point, ranges)
    _, given = _entries(requantization, len(ranges.least))
    smallest = 0 if rounding == "floor" else 1
    changed = multiplier != 0
    if np.any(changed & (-given < smallest)):
        return f"a channel's scale needs a right shift of {int((-given)[changed].min())}, below {smallest}"
    for reach in (ranges.least, ranges.greatest):
        v = doubling_high_mul(reach, multiplier) + addend
        if np.any(changed & ((v - 1 < INT32_MIN) | (v > INT32_MAX))):
            return "an accumulator could leave int32 while it is rounded"
    if np.any((shift == 0) & changed & (rounding == "away")):
        return "a channel's scale is one half or more"
    return _vanishing_refusal(requantization, ranges)


def records(
    bias: Int64Array,
    requantization: Requantization,
    zero_point: int,
    ranges: ChannelRanges,
    pairs: Sequence[tuple[int, int]],
) -> Array:
    """int32 records of shape [pairs, RECORD_WORDS] for (low, high) channels that `records_refusal` accepts."""
    multiplier, addend, shift = _scaling(requantization, zero_point, ranges)
    # A channel of constant output needs no bias.
    useful = np.where(multiplier == 0, 0, bias)
    low, high = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    columns = [
        useful[low],
        useful[low] + 256 * useful[high],
        *(part[low] for part in (multiplier, addend, shift)),
        *(part[high] for part in (multiplier, addend, shift)),
    ]
    return np.stack(columns, axis=1).astype(np.uint64).astype(np.uint32).view(np.int32)


def _entries(requantization: Requantization, channels: int) -> tuple[Int64Array, Int64Array]:
    multipliers = np.array(requantization.multipliers, dtype=np.int64)
    shifts = np.array(requantization.shifts, dtype=np.int64)
    return np.broadcast_to(multipliers, (channels,)), np.broadcast_to(shifts, (channels,))


def _scaling(
    requantization: Requantization, zero_point: int, ranges: ChannelRanges
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Multiplier, addend and right shift per channel; multiplier 0 where the output is the zero point whatever."""
    multipliers, shifts = _entries(requantization, len(ranges.least))
    right = -shifts
    vanishes = (multipliers == 0) | (right > _LARGEST_SHIFT)
    kept = np.where(vanishes, 0, np.clip(right, 0, _LARGEST_SHIFT))
    half = np.where(kept > 0, np.int64(1) << np.maximum(kept - 1, 0), 0)
    addend = half + (np.int64(zero_point) << kept)
    return np.where(vanishes, 0, multipliers), addend, kept


def _vanishing_refusal(requantization: Requantization, ranges: ChannelRanges) -> str:
    """A shift too large for the addend is fine if no accumulator reaches one half after it."""
    multipliers, shifts = _entries(requantization, len(ranges.least))
    reach = np.maximum(np.abs(ranges.least), np.abs(ranges.greatest))
    v = doubling_high_mul(reach, multipliers)
    halves = np.int64(1) << np.maximum(-shifts - 1, 0)
    if np.any((-shifts > _LARGEST_SHIFT) & (v + 1 >= halves) & (multipliers != 0)):
        return f"a channel's scale needs a right shift of {int(-shifts.min())}, above {_LARGEST_SHIFT}"
    return ""
