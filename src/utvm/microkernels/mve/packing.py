"""Weights and scales in the order in which tiles read them."""

from __future__ import annotations

import numpy as np

from utvm.microkernels.assembly.vector_operations import BYTES
from utvm.microkernels.mve.requantize import Scaling, scale_vectors
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

LANES = 4
"""Accumulators in a vector."""


def group_starts(channels: int, width: int) -> tuple[int, ...]:
    """The first channel of each group of `width`. The last group overlaps the one before it rather than be smaller."""
    if channels <= width:
        return (0,)
    return tuple(min(start, channels - width) for start in range(0, channels, width))


def tile_weights(rows: Array, width: int) -> Array:
    """int8 [groups, runs, chunks, width, BYTES] of weights [channels, runs, taps], taps filled up with zeros.

    A run is contiguous in the input. Missing channels of a first and only group are zero.
    """
    channels, runs, taps = rows.shape
    chunks = -(-taps // BYTES)
    filled = np.zeros((max(channels, width), runs, chunks * BYTES), dtype=np.int8)
    filled[:channels, :, :taps] = rows
    parts = filled.reshape(-1, runs, chunks, BYTES)
    groups = [parts[start : start + width].transpose(1, 2, 0, 3) for start in group_starts(channels, width)]
    return np.ascontiguousarray(np.stack(groups))


def tile_sums(weights: Array, x: Array) -> Int64Array:
    """The meaning of a tile's products: [pixels, width] of a group's weights and x [pixels, runs, taps].

    What follows the taps in a vector makes no difference.
    """
    runs, chunks, width, _ = weights.shape
    filled = np.full((len(x), runs, chunks * BYTES), -128, dtype=np.int64)
    filled[:, :, : x.shape[2]] = x
    products = filled.reshape(len(x), runs, chunks, 1, BYTES) * weights.astype(np.int64)
    return np.asarray(products.sum(axis=(1, 2, 4)).reshape(len(x), width))


def channel_scales(bias: Int64Array, requantization: Requantization, scaling: Scaling) -> Array:
    """int32 [channels, fields]: bias, multiplier, shift (and left shift)."""
    return np.stack([bias.astype(np.int32), *scale_vectors(requantization, scaling, len(bias))], axis=1)


def tile_scales(bias: Int64Array, requantization: Requantization, scaling: Scaling, width: int) -> Array:
    """int32 [groups, width / LANES, fields, LANES]: biases, multipliers, shifts (and left shifts)."""
    channels = len(bias)
    fields = np.zeros((3 + scaling.left, max(channels, width)), dtype=np.int32)
    fields[0, :channels] = bias
    for index, row in enumerate(scale_vectors(requantization, scaling, channels)):
        fields[1 + index, :channels] = row
    groups = [
        fields[:, start : start + width].reshape(len(fields), width // LANES, LANES).transpose(1, 0, 2)
        for start in group_starts(channels, width)
    ]
    return np.ascontiguousarray(np.stack(groups))


def shared_scales(bias: Int64Array, requantization: Requantization, scaling: Scaling, width: int) -> Array:
    """int32: the multiplier, shift (and left shift) that all channels have, LANES times each, then biases by groups."""
    fields = np.stack(scale_vectors(requantization, scaling, LANES)).reshape(-1)
    padded = np.zeros(max(len(bias), width), dtype=np.int32)
    padded[: len(bias)] = bias
    return np.concatenate([fields, *(padded[start : start + width] for start in group_starts(len(bias), width))])
