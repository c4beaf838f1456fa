"""Vectors of four accumulators to bytes, for every accumulator that fits int32: rounded as the reference rounds.

"double": VQRDMULH is gemmlowp's doubling high multiply, halves up, in every lane. The rounding shift that follows takes
halves away from zero, VRSHL takes them up, so negative values are lowered by one first ("away"): by v >> 31, or where
some channels are not shifted at all, by (v & -shift) >> 31 ("mixed"). Where everything below the zero point is clamped
away, or nothing is shifted, neither is needed ("floor").

"single": the sum with `sum_bits` zero bits below it times the multiplier, the upper half of the product, rounded by
VRSHL: halves up, which is right for positive sums; `rounding_refusal` checks that no negative product is a half.

The sum with the zero point is saturated to int8 by a shift to the upper byte and back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from utvm.microkernels.assembly import Instruction
from utvm.microkernels.assembly.vector_operations import splat, vector, vector_multiply
from utvm.model.fixed_point import INT32_MAX, INT32_MIN, Int64Array, doubling_high_mul, wrap_int32
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

Rounding = Literal["floor", "away", "mixed", "single"]

_MOST_SUM_BITS = 8


@dataclass(frozen=True)
class Scaling:
    """How accumulators become bytes. `left`: some are shifted left before they are multiplied."""

    rounding: Rounding
    left: bool = False
    sum_bits: int = 0

    @property
    def name(self) -> str:
        """A part of functions' names."""
        return self.rounding + ("left" if self.left else "") + (str(self.sum_bits) if self.rounding == "single" else "")

    def apply(self, sums: Int64Array, rows: tuple[Int64Array, ...], zero_point: int) -> Array:
        """The meaning: int8 of int32 sums; `rows` are those of `scale_vectors`, lane by lane."""
        multiplier, shift, left = (*rows, np.int64(0))[:3]
        if self.rounding == "single":
            value = (wrap_int32(sums << self.sum_bits) * multiplier) >> 32
        else:
            value = doubling_high_mul(wrap_int32(sums << left), multiplier)
        lowered = value if self.rounding == "away" else value & shift
        if self.rounding in ("away", "mixed"):
            value = np.maximum(value + (wrap_int32(lowered) >> 31), INT32_MIN)
        half = np.where(shift < 0, np.int64(1) << np.maximum(-shift - 1, 0), 0)
        value = np.clip(((value + half) >> -shift) + zero_point, INT32_MIN, INT32_MAX)
        return np.asarray(np.clip(value, -128, 127), dtype=np.int8)


@dataclass(frozen=True)
class Operands:
    """Registers: vectors with a lane per channel, or core registers where all lanes are of one channel.

    `bias` and `left` may be empty.
    """

    bias: str
    multiplier: str
    shift: str
    zero_point: str
    left: str = ""


def scaling_of(requantization: Requantization, zero_point: int, clamp: tuple[int, int], reach: int = 0) -> Scaling:
    """The cheapest way that gives the same bytes. `reach`: no sum's magnitude is larger."""
    if requantization.rounding == "single":
        return Scaling("single", sum_bits=max(0, min(_MOST_SUM_BITS, 31 - reach.bit_length())))
    _, right, left = _shifts(requantization)
    away: Rounding = "away" if right.min() > 0 else "mixed"
    return Scaling("floor" if clamp[0] >= zero_point or not right.any() else away, bool(left.any()))


def scale_vectors(requantization: Requantization, scaling: Scaling, channels: int) -> tuple[Array, ...]:
    """int32 [channels] each: multipliers, shifts for VRSHL (negative), and left shifts if the scaling has any."""
    multipliers, right, left = _shifts(requantization)
    if scaling.rounding == "single":
        right = single_shifts(requantization, scaling)
    rows = [multipliers, -right, *([left] if scaling.left else [])]
    return tuple(np.broadcast_to(row, (channels,)).astype(np.int32) for row in rows)


def single_shifts(requantization: Requantization, scaling: Scaling) -> Int64Array:
    """By how much the upper halves of products are shifted right, where they are rounded once."""
    return np.asarray(31 - np.array(requantization.shifts, dtype=np.int64) - 32 + scaling.sum_bits)


def requantized(scaling: Scaling, value: str, spare: str, operands: Operands) -> list[Instruction]:
    """Instructions from accumulators without their bias to bytes in the lanes; `spare` is overwritten."""
    found = [vector("vadd.i32", value, value, operands.bias)] if operands.bias else []
    if scaling.rounding == "single":
        found += [vector("vshl.i32", value, value, scaling.sum_bits)] if scaling.sum_bits else []
        multiplier = operands.multiplier
        if not multiplier.startswith("q"):
            # VMULH takes no core register.
            found.append(splat(spare, multiplier, 32))
            multiplier = spare
        found.append(vector_multiply("vmulh.s32", value, value, multiplier))
    else:
        if scaling.left:
            found.append(vector("vshl.s32", value, value, operands.left))
        found.append(vector_multiply("vqrdmulh.s32", value, value, operands.multiplier))
    if scaling.rounding == "mixed":
        shift = operands.shift
        if not shift.startswith("q"):
            found.append(splat(spare, shift, 32))
            shift = spare
        found += [vector("vand", spare, value, shift), vector("vshr.s32", spare, spare, 31)]
    elif scaling.rounding == "away":
        found.append(vector("vshr.s32", spare, value, 31))
    if scaling.rounding in ("away", "mixed"):
        found.append(vector("vqadd.s32", value, value, spare))
    found.append(vector("vrshl.s32", value, value, operands.shift))
    found.append(vector("vqadd.s32", value, value, operands.zero_point))
    return [*found, *saturated(value)]


def saturated(value: str) -> list[Instruction]:
    """Lanes of int32 limited to int8."""
    return [vector("vqshl.s32", value, value, 24), vector("vshr.s32", value, value, 24)]


def _shifts(requantization: Requantization) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Multipliers, right shifts and left shifts. What is multiplied by 0 may be shifted by anything."""
    multipliers = np.array(requantization.multipliers, dtype=np.int64)
    shifts = np.where(multipliers == 0, -1, np.array(requantization.shifts, dtype=np.int64))
    return multipliers, np.maximum(-shifts, 0), np.maximum(shifts, 0)
