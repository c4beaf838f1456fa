"""What a convolution tile needs beside weights: per pair of channels a record of biases and requantization.

A tile computes, for an accumulator a, v = SMMULR(2a, multiplier), which is gemmlowp's doubling high multiply, then
(v + (v >> 31) + addend) >> shift, saturated to int8. The addend holds both the half that rounds and the output's zero
point. Where everything below the zero point is clamped away, negative v need not be rounded right, and where shift is 0
no v is rounded: v >> 31 is left out ("floor"). A channel is settled if no input changes its output: its multiplier is
0, its addend the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from utvm.microkernels.conv.packing import ChannelRanges
from utvm.model.fixed_point import INT32_MAX, INT32_MIN, Int64Array, doubling_high_mul, finish, requantize
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

Rounding = Literal["away", "floor"]

RECORD_WORDS = 8
"""bias of low, raw bias, then (multiplier, addend, shift) of low and of high. Weights follow."""

# With more, the zero point shifted left would leave an int32.
_LARGEST_SHIFT = 23
_INT8 = (-128, 127)


def rounding_of(zero_point: int, clamp: tuple[int, int], requantization: Requantization) -> Rounding:
    """The cheaper way where it gives the same bytes: outputs at or below the zero point are all clamped to one, or
    nothing is left to round after the doubling high multiply."""
    return "floor" if clamp[0] >= zero_point or not any(requantization.shifts) else "away"


def settled_channels(requantization: Requantization, zero_point: int, ranges: ChannelRanges) -> Array:
    """Per channel, whether all its accumulators give one output; requantization is monotonic."""
    least, greatest = _end_outputs(requantization, zero_point, ranges)
    return np.asarray(least == greatest)


def records_refusal(requantization: Requantization, zero_point: int, rounding: Rounding, ranges: ChannelRanges) -> str:
    """Why a tile cannot requantize these channels exactly; empty if it can."""
    if requantization.rounding != "double":
        return f"requantization rounds {requantization.rounding}, not double"
    active = ~settled_channels(requantization, zero_point, ranges)
    if not np.any(active):
        return ""
    right = -_entries(requantization, len(ranges.least))[1][active]
    # Without a shift nothing is rounded, and v >> 31 would be wrong.
    smallest = 0 if rounding == "floor" else 1
    if right.min() < smallest:
        return f"a channel's scale needs a right shift of {int(right.min())}, below {smallest}"
    if right.max() > _LARGEST_SHIFT:
        return f"a channel's scale needs a right shift of {int(right.max())}, above {_LARGEST_SHIFT}"
    multiplier, addend, _ = _scaling(requantization, zero_point, ranges)
    for end in (ranges.least, ranges.greatest):
        # `pairable` and its like keep twice the accumulator in int32; this is about what is added to it.
        v = (doubling_high_mul(end, multiplier) + addend)[active]
        if v.min() - 1 < INT32_MIN or v.max() > INT32_MAX:
            return "an accumulator could leave int32 while it is rounded"
    return ""


def records(
    bias: Int64Array,
    requantization: Requantization,
    zero_point: int,
    ranges: ChannelRanges,
    pairs: Sequence[tuple[int, int]],
    wide: bool = False,
) -> Array:
    """int32 records of shape [pairs, RECORD_WORDS] for (low, high) channels that `records_refusal` accepts.

    The bias of a settled channel is 0; what its weights are makes no difference. With int16 weights (`wide`) the raw
    bias is the high channel's.
    """
    multiplier, addend, shift = _scaling(requantization, zero_point, ranges)
    useful = np.where(settled_channels(requantization, zero_point, ranges), 0, bias)
    low, high = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    columns = [
        useful[low],
        useful[high] if wide else useful[low] + 256 * useful[high],
        *(part[low] for part in (multiplier, addend, shift)),
        *(part[high] for part in (multiplier, addend, shift)),
    ]
    return np.stack(columns, axis=1).astype(np.uint64).astype(np.uint32).view(np.int32)


def _entries(requantization: Requantization, channels: int) -> tuple[Int64Array, Int64Array]:
    multipliers = np.array(requantization.multipliers, dtype=np.int64)
    shifts = np.array(requantization.shifts, dtype=np.int64)
    return np.broadcast_to(multipliers, (channels,)), np.broadcast_to(shifts, (channels,))


def _end_outputs(requantization: Requantization, zero_point: int, ranges: ChannelRanges) -> tuple[Array, Array]:
    least, greatest = (
        finish(requantize(end, requantization), zero_point, _INT8) for end in (ranges.least, ranges.greatest)
    )
    return least, greatest


def _scaling(
    requantization: Requantization, zero_point: int, ranges: ChannelRanges
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Multiplier, addend and right shift per channel."""
    multiplier, given = _entries(requantization, len(ranges.least))
    least, greatest = _end_outputs(requantization, zero_point, ranges)
    settled = least == greatest
    shift = np.where(settled, 0, np.clip(-given, 0, _LARGEST_SHIFT))
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    addend = np.where(settled, least.astype(np.int64), half + (np.int64(zero_point) << shift))
    return np.where(settled, 0, multiplier), addend, shift
