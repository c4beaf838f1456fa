"""What a 3x3 window over planes needs per channel: its weights in six words, bias and requantization.

Doubled weights and bias let SMMULR requantize as gemmlowp does (conv/records.py). Where all channels can share one
right shift (conv/common_shift.py), weights and bias hold the channel's bits of fraction.
"""

from __future__ import annotations

import numpy as np

from utvm.microkernels.conv import ChannelRanges, common_scaling, records, settled_channels
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

RECORD_WORDS = 10
"""Per row of the window the pairs (w0, w1) and (w1, w2), low half first; then bias, multiplier, addend, shift."""

_WINDOW = 3


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
        common = common_scaling(requantization, zero_point, ranges, shift)
        factors = np.where(settled, 0, np.int64(2) << common.fraction_bits)
        shifts = np.full(channels, shift, dtype=np.int64)
        scaling = np.stack([bias * factors, common.multiplier, common.addend, shifts], axis=1)
    scaled = np.zeros((channels, _WINDOW, _WINDOW), dtype=np.int64)
    scaled[:, :rows, :columns] = (factors * weights.astype(np.int64)).transpose(2, 0, 1)
    first, second = _pairs(scaled[:, :, 0], scaled[:, :, 1]), _pairs(scaled[:, :, 1], scaled[:, :, 2])
    words = np.stack([first, second], axis=2).reshape(channels, 2 * _WINDOW)
    packed = np.concatenate([words, scaling], axis=1)
    return packed.astype(np.uint64).astype(np.uint32).view(np.int32)


def _pairs(low: Int64Array, high: Int64Array) -> Int64Array:
    return np.asarray((low & 0xFFFF) | ((high & 0xFFFF) << 16), dtype=np.int64)
