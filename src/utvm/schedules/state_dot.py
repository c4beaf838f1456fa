"""Products of an int8 vector with a constant matrix as int32 sums, by the dot products of fully connected layers.

Shared by the layers that keep state: they need sums, which they scale and join in ways of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utvm.boards import Core
from utvm.microkernels.assembly import supports
from utvm.microkernels.conv import channel_ranges, pairable
from utvm.microkernels.fully_connected import (
    MOST_CHANNELS,
    DotProducts,
    dot_biases,
    dot_cycles,
    dot_unit,
    dot_weights,
)
from utvm.microkernels.movement import copy_bytes
from utvm.model.tensor import Array
from utvm.operators.kernel import CodeUnit

_QUADS_A_ROUND = (4, 2, 1)
_CALL_CYCLES = 40


def sums_refusal(core: Core, weights: Array | None, bias: Array | None) -> str:
    """Why sums of weights [rows, depth] with biases in int64 cannot be had so; empty if they can."""
    if not supports(core):
        return f"{core.name} has no DSP instructions that code is scheduled for"
    if weights is None or bias is None:
        return "weights and bias are not constants"
    ranges = channel_ranges(weights, bias.astype(np.int64))
    if not ranges.within(1 << 23).all():
        return "a sum could reach 2**23"
    if not all(pairable(weights, ranges, low, low + 1) for low in range(0, len(weights) - 1, 2)):
        return "a weight of -128 cannot be packed beside a negative one"
    return ""


@dataclass(frozen=True, eq=False)
class SumsPlan:
    """A matrix [rows, depth], packed: constants by suffix, and how it is multiplied."""

    core: Core
    rows: int
    depth: int
    quads: int
    padded_depth: int

    @staticmethod
    def of(core: Core, rows: int, depth: int) -> SumsPlan:
        """The most words a round that divide the depth, filled up to whole words."""
        padded = -(-depth // 4) * 4
        quads = next(count for count in _QUADS_A_ROUND if padded % (4 * count) == 0)
        return SumsPlan(core, rows, depth, quads, padded)

    @property
    def copies(self) -> bool:
        """Whether a vector is copied, to be filled up, to scratch of `padded_depth` bytes."""
        return self.padded_depth > self.depth

    def _parts(self) -> list[tuple[slice, int, int]]:
        """Rows, how many at a time, and how often: whole groups, then the rest."""
        groups, rest = divmod(self.rows, MOST_CHANNELS)
        whole = groups * MOST_CHANNELS
        parts = [(slice(0, whole), MOST_CHANNELS, groups), (slice(whole, None), rest, 1)]
        return [part for part in parts if part[1] and part[2]]

    def _dot(self, channels: int) -> DotProducts:
        return DotProducts(channels, self.quads, per_channel=False, sums=True)

    def units(self) -> list[CodeUnit]:
        """What `lines` calls."""
        units = [dot_unit(self._dot(channels), self.core) for _, channels, _ in self._parts()]
        return [*units, copy_bytes(self.core)] if self.copies else units

    def constants(self, name: str, weights: Array, bias: Array) -> dict[str, Array]:
        """Packed weights and biases."""
        found = {}
        for index, (part, channels, _) in enumerate(self._parts()):
            found[f"{name}_weights{index}"] = dot_weights(weights[part], self.padded_depth, channels)
            found[f"{name}_biases{index}"] = dot_biases(bias[part].astype(np.int64), channels)
        return found

    def lines(self, name: str, vector: str, sums: str, scratch: str) -> list[str]:
        """C that leaves the sums of the vector in `sums`, of int32; `scratch` is where it is copied to, if it is."""
        found = []
        if self.copies:
            found.append(f"{copy_bytes(self.core).name}({scratch}, {vector}, {self.depth});")
            vector = scratch
        for index, (part, channels, groups) in enumerate(self._parts()):
            unit = dot_unit(self._dot(channels), self.core)
            target = f"{sums} + {part.start}" if part.start else sums
            matrix = f"{name}_weights{index}, {name}_biases{index}"
            found.append(f"{unit.name}({vector}, {matrix}, {target}, {self.padded_depth}, {groups});")
        return found

    def cycles(self) -> float:
        """Modelled, of one vector."""
        rounds = self.padded_depth // (4 * self.quads)
        return _CALL_CYCLES + sum(
            groups * dot_cycles(self._dot(channels), self.core, rounds) for _, channels, groups in self._parts()
        )
