"""What a 3x3 window over planes needs per channel: its weights in six words, bias and requantization.

Doubled weights and bias let SMMULR requantize as gemmlowp does (conv/records.py). Where rounding is "floor", all
channels can share one right shift R: with weights and bias times 2**(1 + j), where j = R - the channel's own shift,
F = SMMLA(a, multiplier) is the scaled sum with j bits of fraction. gemmlowp rounds the sum to an integer, then shifts
with halves rounded up: both together are (F + 2**(R - 1) + 2**(j - 1)) >> R.
"""

from __future__ import annotations

import numpy as np

from utvm.microkernels.conv import ChannelRanges, Rounding, records, settled_channels
from utvm.model.fixed_point import INT32_MAX, INT32_MIN, Int64Array, finish, requantize
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

RECORD_WORDS = 10
"""Per row of the window the pairs (w0, w1) and (w1, w2), low half first; then bias, multiplier, addend, shift."""

_WINDOW = 3
# Weights times 2**8 still fit a half-word.
_MOST_FRACTION_BITS = 7
# Fits channels whose scales lie between 2**-10 and 2**-3, so that most layers share their code.
_USUAL_SHIFT = 10


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
    least, most = int(right.max()) + 1, int(right.min()) + _MOST_FRACTION_BITS
    for shift in sorted(range(least, most + 1), key=lambda shift: abs(shift - _USUAL_SHIFT)):
        if _fits(requantization, zero_point, ranges, active, shift):
            return shift
    return None


def depthwise_records(
    weights: Array,
    bias: Int64Array,
    requantization: Requantization,
    zero_point: int,
    ranges: ChannelRanges,
    shift: int | None,
) -> Array:
    """int32 records [channels, RECORD_WORDS] of int8 weights [rows, columns, channels], at most 3 by 3.

    Smaller windows are filled up with zeros at the bottom and on the right. `shift` is `common_shift`'s, or None for
    doubled weights and a shift per channel.
    """
    rows, columns, channels = weights.shape
    if shift is None:
        found = records(bias, requantization, zero_point, ranges, [(channel, channel) for channel in range(channels)])
        scaling = np.stack([2 * found[:, 0].astype(np.int64), *found[:, 2:5].astype(np.int64).T], axis=1)
        factors = np.full(channels, 2, dtype=np.int64)
    else:
        settled = settled_channels(requantization, zero_point, ranges)
        factors = np.where(settled, 0, 2 * _fractions(requantization, channels, settled, shift))
        scaling = _common_scaling(bias * factors, requantization, zero_point, ranges, shift)
    scaled = np.zeros((channels, _WINDOW, _WINDOW), dtype=np.int64)
    scaled[:, :rows, :columns] = (factors * weights.astype(np.int64)).transpose(2, 0, 1)
    first, second = _pairs(scaled[:, :, 0], scaled[:, :, 1]), _pairs(scaled[:, :, 1], scaled[:, :, 2])
    words = np.stack([first, second], axis=2).reshape(channels, 2 * _WINDOW)
    packed = np.concatenate([words, scaling], axis=1)
    return packed.astype(np.uint64).astype(np.uint32).view(np.int32)


def _common_scaling(
    bias: Int64Array, requantization: Requantization, zero_point: int, ranges: ChannelRanges, shift: int
) -> Int64Array:
    """[channels, 4]: scaled bias, multiplier, addend, the common shift."""
    channels = len(bias)
    settled = settled_channels(requantization, zero_point, ranges)
    multiplier = np.where(settled, 0, _channels(requantization.multipliers, channels))
    output = finish(requantize(ranges.least, requantization), zero_point, (-128, 127)).astype(np.int64)
    half = _addends(requantization, zero_point, settled, shift)
    addend = np.where(settled, output << shift, half)
    return np.stack([bias, multiplier, addend, np.full(channels, shift, dtype=np.int64)], axis=1)


def _fits(requantization: Requantization, zero_point: int, ranges: ChannelRanges, active: Array, shift: int) -> bool:
    """Whether sums, and what is made of them, stay in int32."""
    fractions = _fractions(requantization, len(active), ~active, shift)
    addends = _addends(requantization, zero_point, ~active, shift)
    multipliers = _channels(requantization.multipliers, len(active))
    for end in (ranges.least, ranges.greatest):
        scaled = (2 * fractions * end)[active]
        upper = ((scaled * multipliers[active]) >> 32) + addends[active]
        for values in (scaled, upper):
            if values.min() < INT32_MIN or values.max() > INT32_MAX:
                return False
    return True


def _fractions(requantization: Requantization, channels: int, settled: Array, shift: int) -> Int64Array:
    """2**j per channel; 2 for settled ones."""
    bits = shift + _channels(requantization.shifts, channels)
    return np.asarray(np.int64(1) << np.where(settled, 1, bits), dtype=np.int64)


def _addends(requantization: Requantization, zero_point: int, settled: Array, shift: int) -> Int64Array:
    fractions = _fractions(requantization, len(settled), settled, shift)
    return np.asarray((1 << (shift - 1)) + fractions // 2 + (zero_point << shift), dtype=np.int64)


def _channels(values: tuple[int, ...], channels: int) -> Int64Array:
    return np.broadcast_to(np.array(values, dtype=np.int64), (channels,))


def _pairs(low: Int64Array, high: Int64Array) -> Int64Array:
    return np.asarray((low & 0xFFFF) | ((high & 0xFFFF) << 16), dtype=np.int64)
