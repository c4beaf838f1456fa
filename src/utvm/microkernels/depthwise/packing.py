"""What a window over planes needs per channel: its weights by two in words, bias and requantization.

Doubled weights and bias let SMMULR requantize as gemmlowp does (conv/records.py). Where all channels can share one
right shift (conv/common_shift.py), weights and bias hold the channel's bits of fraction.
"""

from __future__ import annotations

import numpy as np

from utvm.microkernels.conv import ChannelRanges, common_scaling, records, settled_channels
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

SCALING_WORDS = 4
"""Bias, multiplier, addend, shift: behind the weights."""


def window_size(rows: int, columns: int) -> tuple[int, int]:
    """The window that there is code for and into which so many rows and columns fit: 3x3, or one of odd width."""
    if max(rows, columns) <= 3:
        return 3, 3
    return rows, max(3, columns // 2 * 2 + 1)


def record_words(size: tuple[int, int]) -> int:
    """Words of a channel's record."""
    return size[0] * (size[1] - 1) + SCALING_WORDS


def depthwise_records(
    weights: Array,
    bias: Int64Array,
    requantization: Requantization,
    zero_point: int,
    ranges: ChannelRanges,
    shift: int | None,
) -> Array:
    """int32 records [channels, record_words] of int8 weights [rows, columns, channels].

    Per row the pairs of weights (w0, w1), (w2, w3), ..., then (w1, w2), (w3, w4), ..., low half first; then the
    scaling. Windows are filled up to `window_size` with zeros at the bottom and on the right. `shift` is
    `common_shift`'s, or None for doubled weights and a shift per channel.
    """
    rows, columns, channels = weights.shape
    if shift is None:
        found = records(bias, requantization, zero_point, ranges, [(channel, channel) for channel in range(channels)])
        scaling = np.stack([2 * found[:, 0].astype(np.int64), *found[:, 2:5].astype(np.int64).T], axis=1)
        factors = np.full(channels, 2, dtype=np.int64)
    else:
        settled = settled_channels(requantization, zero_point, ranges)
        common = common_scaling(requantization, zero_point, ranges, shift)
        factors = np.where(settled, 0, np.int64(2) << common.fraction_bits)
        shifts = np.full(channels, shift, dtype=np.int64)
        scaling = np.stack([bias * factors, common.multiplier, common.addend, shifts], axis=1)
    size = window_size(rows, columns)
    scaled = np.zeros((channels, *size), dtype=np.int64)
    scaled[:, :rows, :columns] = (factors * weights.astype(np.int64)).transpose(2, 0, 1)
    first, second = (_pairs(scaled[:, :, at : at + size[1] - 1]) for at in (0, 1))
    words = np.concatenate([first, second], axis=2).reshape(channels, -1)
    packed = np.concatenate([words, scaling], axis=1)
    return packed.astype(np.uint64).astype(np.uint32).view(np.int32)


def _pairs(weights: Int64Array) -> Int64Array:
    """Neighbours along the last axis, of even extent, in a word."""
    low, high = weights[..., 0::2], weights[..., 1::2]
    return np.asarray((low & 0xFFFF) | ((high & 0xFFFF) << 16), dtype=np.int64)
