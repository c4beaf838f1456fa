"""A channel's requantization as the steps of a staircase: the sums at which its output byte grows by one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utvm.model.fixed_point import INT32_MAX, INT32_MIN, Int64Array, finish, requantize
from utvm.model.operator_types import Requantization

_SEARCH_ROUNDS = 33


@dataclass(frozen=True)
class Steps:
    """What one channel makes of its sums of products, least ... greatest, to which `bias` has still to be added.

    Outputs are counted from `floor`, the least one that the clamp allows: `sums[j]` is the least sum whose output is at
    least floor + 1 + j, greatest + 1 where there is none. `ratio` is what a sum is scaled by, nearly.
    """

    least: int
    greatest: int
    bias: int
    floor: int
    sums: Int64Array
    ratio: float

    @property
    def range(self) -> int:
        """The greatest output, counted from the floor."""
        return len(self.sums)


def steps_of(
    ranges: tuple[Int64Array, Int64Array],
    bias: Int64Array,
    requantization: Requantization,
    zero_point: int,
    clamp: tuple[int, int],
) -> list[Steps] | str:
    """The steps of every channel, from the range of its sums; or why an accumulator's output is not monotonic."""
    least, greatest = ranges
    channels = len(bias)
    multipliers = np.broadcast_to(np.array(requantization.multipliers, dtype=np.int64), (channels,))
    shifts = np.broadcast_to(np.array(requantization.shifts, dtype=np.int64), (channels,))
    if np.any(multipliers < 0):
        return "a multiplier is negative"
    left = np.maximum(shifts, 0) if requantization.rounding == "double" else np.zeros_like(shifts)
    ends = np.stack([least + bias, greatest + bias]) << left
    if ends.min() < INT32_MIN or ends.max() > INT32_MAX:
        return "an accumulator could leave int32"
    bits = 53 if requantization.rounding == "wide" else 31
    spread = Requantization(tuple(multipliers.tolist()), tuple(shifts.tolist()), requantization.rounding)
    wanted = np.arange(clamp[0] + 1, clamp[1] + 1)[:, np.newaxis]
    below = np.broadcast_to(least - 1, (len(wanted), channels)).copy()
    above = np.broadcast_to(greatest + 1, below.shape).copy()
    # Halving: outputs at `below` are too small, those at `above` are not.
    for _ in range(_SEARCH_ROUNDS):
        middle = (below + above) >> 1
        reached = finish(requantize(middle + bias, spread), zero_point, clamp) >= wanted
        reached |= middle > greatest
        reached &= middle >= least
        inside = above - below > 1
        above = np.where(inside & reached, middle, above)
        below = np.where(inside & ~reached, middle, below)
    return [
        Steps(
            int(least[channel]),
            int(greatest[channel]),
            int(bias[channel]),
            clamp[0],
            above[:, channel],
            float(multipliers[channel]) * 2.0 ** (int(shifts[channel]) - bits),
        )
        for channel in range(channels)
    ]
