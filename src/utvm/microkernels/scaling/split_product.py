"""Scaling a sum by a factor of some thirty bits with one to four 32-bit products, for cores without a long one.

A factor is cut into parts of `drop` bits: with v = 0, v = a * part + (v >> drop) for every part from the lowest to the
highest leaves floor(a * factor / 2**(drop * (parts - 1))). Where the reference rounds halves away from zero in a second
step, negative sums have an offset of their own. Whether a factor gives the reference's bytes is decided by the steps of
the outputs: both sides of each are tried.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from utvm.microkernels.scaling.steps import Steps
from utvm.model.fixed_point import INT32_MAX, Int64Array

_MOST_SHIFT = 22
# Sums of products leave a bit for what is added to them.
_PRODUCT_LIMIT = 1 << 30
_SHIFTS_TRIED = 3
_NONE = -(1 << 62)


@dataclass(frozen=True)
class SplitScale:
    """v = the product by `parts` (the highest first) + centre; v += (v >> 31) & negative; (v + offset) >> shift.

    The result is limited to 0 ... range and counted from the floor. `centre` and `negative` are 0 where negative sums
    need nothing of their own. Where a sum could be so large that little is left of 32 bits, it is first moved within
    `limits`, beyond which the output is the same.
    """

    limits: tuple[int, int] | None
    parts: tuple[int, ...]
    drop: int
    centre: int
    negative: int
    offset: int
    shift: int
    range: int

    def product(self, sums: Int64Array) -> Int64Array:
        """Of int64 sums; no step leaves int32."""
        v = np.zeros_like(sums)
        for part in reversed(self.parts):
            v = sums * part + (v >> self.drop)
        return v

    def apply(self, sums: Int64Array) -> Int64Array:
        """The meaning: outputs counted from the floor, of int64 sums."""
        v = self.product(sums if self.limits is None else np.clip(sums, *self.limits)) + self.centre
        v = v + ((v >> 63) & self.negative)
        return np.asarray(np.clip((v + self.offset) >> self.shift, 0, self.range), dtype=np.int64)


def split_scale(steps: Steps) -> SplitScale | None:
    """The cheapest scale with the reference's output for every sum; None if none of those tried has it."""
    inside = steps.sums[(steps.sums > steps.least) & (steps.sums <= steps.greatest)]
    if not len(inside):
        output = int(np.count_nonzero(steps.sums <= steps.least))
        return SplitScale(None, (0,), 0, 0, 0, output, 0, steps.range)
    limits = int(inside.min()) - 1, int(inside.max())
    limited = replace(steps, least=limits[0], greatest=limits[1])
    for parts, within in ((1, None), (2, None), (3, None), (2, limits), (3, limits), (4, None), (4, limits)):
        found = _with_parts(steps if within is None else limited, parts)
        if found is not None:
            return replace(found, limits=within)
    return None


def _with_parts(steps: Steps, parts: int) -> SplitScale | None:
    reach = max(abs(steps.least), abs(steps.greatest), 1)
    # With three or more, a middle product has a carry from the one below.
    drop = max(0, 31 - reach.bit_length() - (parts > 2)) if parts > 1 else 0
    most = min(_MOST_SHIFT, int(np.floor(np.log2(_PRODUCT_LIMIT / (reach * steps.ratio)))))
    ends = np.array([steps.least, steps.greatest], dtype=np.int64)
    # A bias far from 0 may need a bit more.
    for shift in range(most, max(most - _SHIFTS_TRIED, -1), -1):
        nearest = round(steps.ratio * 2.0 ** (shift + drop * (parts - 1)))
        exact = False
        for signed in (False, True):
            for factor in (nearest, nearest + 1, nearest - 1):
                scale = SplitScale(None, _cut(factor, parts, drop), drop, 0, 0, 0, shift, steps.range)
                found = _completed(scale, steps, signed)
                if found is not None and _fits(found, ends):
                    return found
                exact |= found is not None
        if not exact:
            return None
    return None


def _cut(factor: int, parts: int, drop: int) -> tuple[int, ...]:
    lower = [(factor >> (drop * index)) & ((1 << drop) - 1) for index in range(parts - 2, -1, -1)]
    return (factor >> (drop * (parts - 1)), *lower)


def _completed(scale: SplitScale, steps: Steps, signed: bool) -> SplitScale | None:
    """With the constants that make it exact, if there are any, however large.

    `signed`: negative sums get an offset of their own.
    """
    centre = 0
    if signed:
        before, at = (int(value) for value in scale.product(np.array([-steps.bias - 1, -steps.bias], dtype=np.int64)))
        if before == at:
            return None
        centre = -at
    outputs = np.arange(1, steps.range + 1, dtype=np.int64) << scale.shift
    # The first sum of a step must reach its output, the sum before it must not.
    first, last = steps.sums[steps.sums <= steps.greatest], steps.sums[steps.sums > steps.least] - 1
    lower = outputs[steps.sums <= steps.greatest] - scale.product(first) - centre
    upper = outputs[steps.sums > steps.least] - 1 - scale.product(last) - centre
    offsets = []
    for negative in (False, True) if signed else (None,):
        sides = (slice(None),) * 2 if negative is None else (first < -steps.bias, last < -steps.bias)
        if negative is False:
            sides = (first >= -steps.bias, last >= -steps.bias)
        least, greatest = int(lower[sides[0]].max(initial=_NONE)), int(upper[sides[1]].min(initial=-_NONE))
        if least > greatest:
            return None
        if least > _NONE or greatest < -_NONE:
            offsets.append(greatest if least == _NONE else least if greatest == -_NONE else (least + greatest) // 2)
        else:
            offsets.append(offsets[0] if offsets else 0)
    return replace(scale, centre=centre, offset=offsets[0], negative=offsets[-1] - offsets[0])


def _fits(scale: SplitScale, ends: Int64Array) -> bool:
    """Whether every step keeps within int32 at both ends, and so between them."""
    v = np.zeros_like(ends)
    values = [np.array([scale.centre, scale.negative, scale.offset], dtype=np.int64)]
    for part in reversed(scale.parts):
        values.append(ends * part)
        v = ends * part + (v >> scale.drop)
        values.append(v)
    v = v + scale.centre
    values += [v, v + ((v >> 63) & scale.negative)]
    values += [values[-1] + scale.offset]
    return max(int(np.abs(value).max()) for value in values) <= INT32_MAX
