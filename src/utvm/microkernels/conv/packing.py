"""Two channels' int8 weights in one word, so that one SMLAD multiplies for both.

A half-word holds low + 256 * high, as a signed number; a word holds two taps. Multiplying the raw word accumulates
sum_low + 256 * sum_high; its low bytes, extracted with SXTB16, accumulate sum_low alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utvm.model.fixed_point import Int64Array
from utvm.model.tensor import Array

# Beyond these, sum_high * 256 or twice sum_low would leave an int32.
HIGH_LIMIT = 1 << 23
LOW_LIMIT = 1 << 30


@dataclass(frozen=True)
class ChannelRanges:
    """The least and the greatest accumulator of each channel over all int8 inputs, arrays of shape [channels]."""

    least: Int64Array
    greatest: Int64Array

    def within(self, limit: int) -> Array:
        """Per channel, whether every accumulator is in [-limit, limit)."""
        return np.asarray((self.least >= -limit) & (self.greatest < limit))

    def doubled(self) -> Array:
        """Per channel, whether twice every accumulator fits an int32."""
        return self.within(LOW_LIMIT)


def channel_ranges(weights: Array, bias: Int64Array) -> ChannelRanges:
    """Ranges of bias + sum of weights * x, for weights of shape [channels, taps] and x in [-128, 127]."""
    wide = weights.astype(np.int64)
    positive, negative = np.maximum(wide, 0).sum(axis=1), np.minimum(wide, 0).sum(axis=1)
    return ChannelRanges(bias + 127 * negative - 128 * positive, bias + 127 * positive - 128 * negative)


def pairable(weights: Array, ranges: ChannelRanges, low: int, high: int) -> bool:
    """Whether two channels of `weights` [channels, taps] fit one word per two taps, in these roles."""
    return bool(
        ranges.within(LOW_LIMIT)[low]
        and ranges.within(HIGH_LIMIT)[high]
        # Below -128 is where the high byte would go when it pays for the low byte's sign.
        and not np.any((weights[low] < 0) & (weights[high] == -128))
    )


def pack_wide(weights: Array, pairs: Sequence[tuple[int, int]]) -> Array:
    """Words of shape [pairs, taps] (int32) of int8 weights [channels, taps]: two taps of low as int16, then of high."""
    low, high = (weights[[pair[side] for pair in pairs]].astype(np.int16) for side in (0, 1))
    words = [np.ascontiguousarray(half).view(np.int32) for half in (low, high)]
    return np.stack(words, axis=2).reshape(len(pairs), -1)


def with_records(words: Array, records: Array) -> Array:
    """Words [pairs, words] each behind its record: int32 of shape [pairs, record words + words]."""
    return np.concatenate([records, words], axis=1)


def pack_pairs(weights: Array, pairs: Sequence[tuple[int, int]]) -> Array:
    """Words of shape [pairs, taps / 2] (int32) of int8 weights [channels, taps]; pairs are (low, high) channels."""
    low = weights[[pair[0] for pair in pairs]].astype(np.int64)
    high = weights[[pair[1] for pair in pairs]].astype(np.int64)
    halves = (low + 256 * high) & 0xFFFF
    words = halves[:, 0::2] | (halves[:, 1::2] << 16)
    return np.asarray(words, dtype=np.uint32).view(np.int32)
