"""One right shift for all channels, a constant of the code, where rounding is "floor".

With accumulators times 2**(1 + j), where j = R - the channel's own shift, F = SMMLA(a, multiplier) is the scaled sum
with j bits of fraction. gemmlowp rounds the sum to an integer, then shifts with halves rounded up: both together are
(F + 2**(R - 1) + 2**(j - 1)) >> R, which a saturation can shift by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utvm.microkernels.conv.packing import ChannelRanges
from utvm.microkernels.conv.records import Rounding, settled_channels
from utvm.model.fixed_point import INT32_MAX, INT32_MIN, Int64Array, finish, requantize
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

MOST_FRACTION_BITS = 7
"""Weights times 2**8 still fit a half-word."""

# Fits channels whose scales lie between 2**-10 and 2**-3, so that most layers share their code.
_USUAL_SHIFT = 10


@dataclass(frozen=True, eq=False)
class CommonScaling:
    """Per channel the bits of fraction j, the multiplier and the addend; of settled channels j is 1."""

    fraction_bits: Int64Array
    multiplier: Int64Array
    addend: Int64Array


def common_shift(
    requantization: Requantization, zero_point: int, rounding: Rounding, ranges: ChannelRanges
) -> int | None:
    """A right shift that suits all channels that `records_refusal` accepts; None if there is none."""
    if rounding != "floor":
        return None
    active = ~settled_channels(requantization, zero_point, ranges)
    right = -_channels(requantization.shifts, len(active))[active]
    if not np.any(active):
        return _USUAL_SHIFT
    if right.min() < 1:
        return None  # nothing is shifted there, so no half is added
    least, most = int(right.max()) + 1, int(right.min()) + MOST_FRACTION_BITS
    for shift in sorted(range(least, most + 1), key=lambda shift: abs(shift - _USUAL_SHIFT)):
        if _fits(requantization, zero_point, ranges, active, shift):
            return shift
    return None


def common_scaling(requantization: Requantization, zero_point: int, ranges: ChannelRanges, shift: int) -> CommonScaling:
    """What channels need with a shift that `common_shift` found."""
    settled = settled_channels(requantization, zero_point, ranges)
    output = finish(requantize(ranges.least, requantization), zero_point, (-128, 127)).astype(np.int64)
    bits = _fraction_bits(requantization, settled, shift)
    return CommonScaling(
        bits,
        np.where(settled, 0, _channels(requantization.multipliers, len(settled))),
        np.where(settled, output << shift, _addends(bits, zero_point, shift)),
    )


def common_records(
    bias: Int64Array,
    requantization: Requantization,
    zero_point: int,
    ranges: ChannelRanges,
    pairs: Sequence[tuple[int, int]],
    shift: int,
    wide: bool = False,
) -> Array:
    """int32 records like those of `records`, for a shift that `common_shift` found.

    The biases, then what the accumulator of each channel is shifted by (low: to the left; high, which comes with 8 bits
    more unless weights are `wide`: to the right), its multiplier and addend.
    """
    found = common_scaling(requantization, zero_point, ranges, shift)
    useful = np.where(settled_channels(requantization, zero_point, ranges), 0, bias)
    low, high = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    columns = [useful[low], useful[high] if wide else useful[low] + 256 * useful[high]]
    columns += [1 + found.fraction_bits[low], found.multiplier[low], found.addend[low]]
    right = MOST_FRACTION_BITS - found.fraction_bits[high]
    columns += [1 + found.fraction_bits[high] if wide else right, found.multiplier[high], found.addend[high]]
    return np.stack(columns, axis=1).astype(np.uint64).astype(np.uint32).view(np.int32)


def _fits(requantization: Requantization, zero_point: int, ranges: ChannelRanges, active: Array, shift: int) -> bool:
    """Whether sums, and what is made of them, stay in int32."""
    bits = _fraction_bits(requantization, ~active, shift)
    addends = _addends(bits, zero_point, shift)
    multipliers = _channels(requantization.multipliers, len(active))
    for end in (ranges.least, ranges.greatest):
        scaled = (end << (1 + bits))[active]
        upper = ((scaled * multipliers[active]) >> 32) + addends[active]
        for values in (scaled, upper):
            if values.min() < INT32_MIN or values.max() > INT32_MAX:
                return False
    return True


def _fraction_bits(requantization: Requantization, settled: Array, shift: int) -> Int64Array:
    bits = shift + _channels(requantization.shifts, len(settled))
    return np.asarray(np.where(settled, 1, bits), dtype=np.int64)


def _addends(bits: Int64Array, zero_point: int, shift: int) -> Int64Array:
    return np.asarray((1 << (shift - 1)) + (np.int64(1) << (bits - 1)) + (zero_point << shift), dtype=np.int64)


def _channels(values: tuple[int, ...], channels: int) -> Int64Array:
    return np.broadcast_to(np.array(values, dtype=np.int64), (channels,))
