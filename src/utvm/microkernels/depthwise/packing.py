"""What a 3x3 window over planes needs per channel: its weights in six words, bias and requantization."""

from __future__ import annotations

import numpy as np

from utvm.microkernels.conv import ChannelRanges, records
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

RECORD_WORDS = 10
"""Per row of the window the pairs (w0, w1) and (w1, w2), low half first; then bias, multiplier, addend, shift.

Weights and bias are doubled, as SMMULR halves.
"""

_WINDOW = 3


def depthwise_records(
    weights: Array, bias: Int64Array, requantization: Requantization, zero_point: int, ranges: ChannelRanges
) -> Array:
    """int32 records [channels, RECORD_WORDS] of int8 weights [rows, columns, channels], at most 3 by 3.

    Smaller windows are filled up with zeros at the bottom and on the right.
    """
    rows, columns, channels = weights.shape
    doubled = np.zeros((channels, _WINDOW, _WINDOW), dtype=np.int64)
    doubled[:, :rows, :columns] = 2 * weights.astype(np.int64).transpose(2, 0, 1)
    first, second = _pairs(doubled[:, :, 0], doubled[:, :, 1]), _pairs(doubled[:, :, 1], doubled[:, :, 2])
    words = np.stack([first, second], axis=2).reshape(channels, 2 * _WINDOW)
    scaling = records(bias, requantization, zero_point, ranges, [(channel, channel) for channel in range(channels)])
    useful, multiplier, addend, shift = (scaling[:, [column]].astype(np.int64) for column in (0, 2, 3, 4))
    packed = np.concatenate([words, 2 * useful, multiplier, addend, shift], axis=1)
    return packed.astype(np.uint64).astype(np.uint32).view(np.int32)


def _pairs(low: Int64Array, high: Int64Array) -> Int64Array:
    return np.asarray((low & 0xFFFF) | ((high & 0xFFFF) << 16), dtype=np.int64)
