"""Weights of four rows as a stream of words: chunks of taps whose products fit a half-word, four weights a word.

A word has a tap's weights of rows 0, 2, 1 and 3 in its bytes, with 128 added to the lower three. The even bytes, less
0x00800080, are the weights of rows 0 and 1 in two halves; the odd ones, a byte lower, less 128, those of rows 2 and 3.
A chunk begins with a word of the first byte of the vector that it reads, and 65536 times the first that it does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utvm.microkernels.weight_code.chunks import MOST_WEIGHT
from utvm.model.tensor import Array

ROWS = 4
TAPS = 4
"""Taps that a chunk has a multiple of."""
LARGEST_DEPTH = (1 << 16) - TAPS
_BIASES = np.array([128, 128, 128, 0], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Stream:
    """int32 words of all groups of rows, and how many chunks and taps they have."""

    words: Array
    chunks: int
    taps: int


def stream_of(weights: Array) -> Stream:
    """The stream for int8 weights [rows, depth]; rows and depth are filled up to multiples with zeros."""
    rows, depth = weights.shape
    padded = np.zeros((-(-rows // ROWS) * ROWS, -(-depth // TAPS) * TAPS), dtype=np.int64)
    padded[:rows, :depth] = weights
    words: list[Array] = []
    chunks = taps = 0
    for first in range(0, len(padded), ROWS):
        group = padded[first : first + ROWS]
        for begin, end, part in _chunks(group):
            words += [np.array([begin | end << 16], dtype=np.int64), _packed(part)]
            chunks, taps = chunks + 1, taps + end - begin
        words.append(np.zeros(1, dtype=np.int64))
    flat = np.concatenate(words).astype(np.uint64).astype(np.uint32).view(np.int32)
    return Stream(np.asarray(flat), chunks, taps)


def _packed(group: Array) -> Array:
    """One word per tap."""
    ordered = (group[[0, 2, 1, 3]] + _BIASES[:, np.newaxis]) & 0xFF
    return np.asarray((ordered << np.array([[0], [8], [16], [24]])).sum(axis=0), dtype=np.int64)


def _chunks(group: Array) -> list[tuple[int, int, Array]]:
    """(first tap, tap behind the last, weights of these taps); taps of too large weights appear several times."""
    found: list[tuple[int, int, Array]] = []
    totals = np.zeros(ROWS, dtype=np.int64)
    begin = 0
    for tap in range(0, group.shape[1], TAPS):
        block = group[:, tap : tap + TAPS]
        sizes = np.abs(block).sum(axis=1)
        if (totals + sizes).max() <= MOST_WEIGHT:
            totals += sizes
            continue
        if tap > begin:
            found.append((begin, tap, group[:, begin:tap]))
        begin, totals = tap, sizes
        if sizes.max() > MOST_WEIGHT:
            for half in (slice(0, 2), slice(2, 4)):
                part = np.zeros_like(block)
                part[:, half] = block[:, half]
                # Two weights of -128 are one too many.
                for single in _singles(part) if np.abs(part).sum(axis=1).max() > MOST_WEIGHT else [part]:
                    found.append((tap, tap + TAPS, single))
            begin, totals = tap + TAPS, np.zeros(ROWS, dtype=np.int64)
    if begin < group.shape[1]:
        found.append((begin, group.shape[1], group[:, begin:]))
    return found


def _singles(part: Array) -> list[Array]:
    return [np.where(np.arange(TAPS) == tap, part, 0) for tap in range(TAPS) if part[:, tap].any()]
