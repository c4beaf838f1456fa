"""What the kernels are given: weights in the frequency domain and records.

With g a 3x3 window of weights and d the 4x4 patch of inputs under a 2x2 tile of outputs, the outputs are
A'[(G g G') * (B' d B)]A. G has halves, so weights are transformed with 2G on both sides and the products are four times
the outputs: everything stays an integer. Sums wrap around in int32, but what is left at the end fits. Larger windows
are blocks (windows.py), each of which is transformed by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utvm.microkernels.conv import ChannelRanges, records
from utvm.microkernels.conv_winograd.windows import Window
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

RECORD_WORDS = 8
"""Four times the bias, multiplier, addend and shift of the low channel, then of the high."""

# Four times an accumulator must fit an int32.
ACCUMULATOR_LIMIT = 1 << 29

# By a block's taps along an axis; rows are all four frequencies.
_TWICE_G = {
    3: np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], dtype=np.int64),
    2: np.array([[2, 0], [2, 2], [0, 0], [0, 2]], dtype=np.int64),
    1: np.array([[2], [0], [0], [-2]], dtype=np.int64),
}


def transformed_weights(weights: Array, pairs: Sequence[tuple[int, int]]) -> Array:
    """int32 words [pairs, products * C / 2, 2] of int8 weights [O, rows, columns, C], the products as in `Window`.

    The last axis is low channel and high channel; a word is two inputs, at most 16 * 128 = 2048 in magnitude, so that
    half-words hold them.
    """
    outputs, rows, columns, channels = weights.shape
    window = Window(rows, columns)
    spectrum = np.zeros((outputs, window.products, channels), dtype=np.int64)
    for block in window.blocks:
        taps = weights[:, block.top : block.top + block.rows, block.left : block.left + block.columns]
        transforms = _TWICE_G[block.rows], _TWICE_G[block.columns]
        found = np.einsum("ia,oabc,jb->oijc", transforms[0], taps.astype(np.int64), transforms[1])
        for frequency in block.frequencies:
            spectrum[:, window.place(frequency, block)] = found[:, frequency // 4, frequency % 4]
    halves = spectrum.reshape(outputs, -1) & 0xFFFF
    words = halves[:, 0::2] | (halves[:, 1::2] << 16)
    chosen = np.stack([words[[pair[side] for pair in pairs]] for side in (0, 1)], axis=-1)
    return np.asarray(chosen.astype(np.uint32).view(np.int32))


def winograd_records(
    bias: Int64Array,
    requantization: Requantization,
    zero_point: int,
    ranges: ChannelRanges,
    pairs: Sequence[tuple[int, int]],
) -> Array:
    """int32 records [pairs, RECORD_WORDS]."""
    each = records(bias, requantization, zero_point, ranges, [(channel, channel) for channel in range(len(bias))])
    useful = each[:, [0, 2, 3, 4]] * np.array([4, 1, 1, 1], dtype=np.int32)
    return np.concatenate([useful[[pair[side] for pair in pairs]] for side in (0, 1)], axis=1)
