"""What the ways to compute fully connected layers share: when they are exact, and how rows and depth are cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utvm.microkernels.assembly import supports
from utvm.microkernels.conv import ChannelRanges, channel_ranges, pairable
from utvm.microkernels.fully_connected import MOST_CHANNELS, DotProducts, dot_cycles, scales_refusal
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import FullyConnected
from utvm.model.tensor import Array
from utvm.schedules.template import Site

# Words of four inputs per round; a vector that is no multiple of them is copied and filled up.
_QUADS_A_ROUND = (8, 4, 2, 1)
# Eight are more than a kilobyte of code, which is all that the code caches of common Cortex-M4 flash hold.
_MOST_QUADS = {"cortex-m4": 4}
# Modelled on the Cortex-M7: cycles per copied element, and per call.
_COPY_CYCLES = 0.5
CALL_CYCLES = 60


def dot_refusal(site: Site) -> str:
    """Other operators, unknown or asymmetric weights, sums or scales out of range, cores without DSP."""
    operator = site.operator
    if not isinstance(operator, FullyConnected):
        return f"{type(operator).__name__} is not fully connected"
    if not supports(site.core):
        return f"{site.core.name} has no DSP instructions that code is scheduled for"
    _, weights, bias = site.inputs
    if weights.data is None or bias.data is None:
        return "weights and bias are not constants"
    if operator.weights_zero_point != 0:
        return f"the weights' zero point is {operator.weights_zero_point}, not 0"
    ranges = ranges_of(operator, weights.data, bias.data)
    if not ranges.within(1 << 23).all():
        return "a sum could reach 2**23"
    units = weights.shape[0]
    if not all(pairable(weights.data, ranges, low, low + 1) for low in range(0, units - 1, 2)):
        return "a weight of -128 cannot be packed beside a negative one"
    return scales_refusal(operator.requantization, operator.output_zero_point, ranges)


@dataclass(frozen=True)
class DotPlan:
    """Dot products of `groups` groups of MOST_CHANNELS rows, then one of `rest` rows; `depth` is filled up."""

    depth: int
    quads: int
    groups: int
    rest: int
    per_channel: bool

    def dots(self) -> list[tuple[DotProducts, int]]:
        """What is called for a vector, and how many groups each does."""
        found = []
        if self.groups:
            found.append((DotProducts(MOST_CHANNELS, self.quads, self.per_channel), self.groups))
        if self.rest:
            found.append((DotProducts(self.rest, self.quads, self.per_channel), 1))
        return found

    def cycles(self, site: Site) -> float:
        """Per call."""
        batch, depth = site.inputs[0].shape
        rounds = self.depth // (4 * self.quads)
        per_row = sum(groups * dot_cycles(dot, site.core, rounds) for dot, groups in self.dots())
        return batch * (per_row + (depth * _COPY_CYCLES if depth < self.depth else 0)) + CALL_CYCLES


def dot_plan(site: Site) -> DotPlan:
    """The plan with the least filling and the fewest rounds."""
    operator = site.operator
    assert isinstance(operator, FullyConnected)
    units, depth = site.inputs[1].shape
    most = _MOST_QUADS.get(site.core.name, max(_QUADS_A_ROUND))
    filled = {quads: -(-depth // (4 * quads)) * 4 * quads for quads in _QUADS_A_ROUND if quads <= most}
    # A round costs about as much as half a word.
    quads = min(filled, key=lambda count: (filled[count] * (2 * count + 1) / count, -count))
    groups, rest = divmod(units, MOST_CHANNELS)
    return DotPlan(filled[quads], quads, groups, rest, len(operator.requantization.multipliers) > 1)


def folded_bias(operator: FullyConnected, weights: Array, bias: Array, origin: int = 0) -> Int64Array:
    """Biases for inputs less `origin`, whatever the input's zero point is."""
    sums = weights.astype(np.int64).sum(axis=1)
    return np.asarray(bias.astype(np.int64) + (origin - operator.input_zero_point) * sums, dtype=np.int64)


def ranges_of(operator: FullyConnected, weights: Array, bias: Array) -> ChannelRanges:
    """Ranges of the sums."""
    return channel_ranges(weights, folded_bias(operator, weights, bias))
