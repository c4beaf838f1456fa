"""Which products may share an accumulator of two halves before it has to be taken apart."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.model.tensor import Array

MOST_WEIGHT = 255
"""The most that weights of one chunk may add up to: times 128 that is below 2**15, for every int8 input."""


@dataclass(frozen=True)
class Term:
    """A product by a weight other than 0; `begins` and `ends` a chunk."""

    weight: int
    begins: bool
    ends: bool


@dataclass(frozen=True)
class Chunk:
    """Taps [first, last] of a channel, of which those with a weight other than 0 count."""

    first: int
    last: int


def chunks_of(weights: Array) -> list[Chunk]:
    """The fewest chunks of a channel's int8 weights, in order."""
    found: list[Chunk] = []
    total = 0
    for tap, weight in enumerate(abs(int(value)) for value in weights):
        if not weight:
            continue
        if found and total + weight <= MOST_WEIGHT:
            found[-1] = Chunk(found[-1].first, tap)
            total += weight
        else:
            found.append(Chunk(tap, tap))
            total = weight
    return found


def terms_of(weights: Array) -> dict[int, Term]:
    """The products of a channel by tap."""
    chunks = chunks_of(weights)
    firsts, lasts = {chunk.first for chunk in chunks}, {chunk.last for chunk in chunks}
    return {
        tap: Term(int(weight), tap in firsts, tap in lasts) for tap, weight in enumerate(weights) if int(weight) != 0
    }
