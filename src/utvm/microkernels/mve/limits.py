"""Which operators' sums and scales the vectors' arithmetic gives exactly."""

from __future__ import annotations

import numpy as np

from utvm.microkernels.mve.requantize import Scaling, scaling_of, single_shifts
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array

_LARGEST_SHIFT = 31


def sum_reach(rows: Array, bias: Int64Array) -> int:
    """No sum of the bias and products of bytes is larger in magnitude; weights [channels, taps]."""
    return int((np.abs(rows.astype(np.int64)).sum(axis=1) * 128 + np.abs(bias)).max())


def rounding_refusal(requantization: Requantization, zero_point: int, rows: Array, bias: Int64Array) -> str:
    """Why bytes could differ from the reference's, for weights [channels, taps] and folded biases; empty if not."""
    return scaling_refusal(requantization, zero_point, sum_reach(rows, bias))


def scaling_refusal(requantization: Requantization, zero_point: int, reach: int) -> str:
    """The same for sums of which none is larger in magnitude than `reach`."""
    if reach >= 1 << 31:
        return "a sum could leave int32"
    if requantization.rounding == "double":
        return ""
    if requantization.rounding != "single":
        return f"requantization rounds {requantization.rounding}"
    return _single_refusal(requantization, scaling_of(requantization, zero_point, (-128, 127), reach), reach)


def _single_refusal(requantization: Requantization, scaling: Scaling, reach: int) -> str:
    multipliers = np.array(requantization.multipliers, dtype=np.int64)
    shifts = single_shifts(requantization, scaling)
    if shifts.min() < 1 or shifts.max() > _LARGEST_SHIFT:
        return f"a shift of {int(shifts.min())} ... {int(shifts.max())}, not 1 ... {_LARGEST_SHIFT}, would be needed"
    # The product of a and a multiplier divisible by 2**v is a half only if 2**(t - 1 - v) divides a.
    divisors = np.where(multipliers > 0, multipliers & -multipliers, np.int64(1) << 62)
    halves = np.int64(1) << (30 - np.array(requantization.shifts, dtype=np.int64))
    if np.any((divisors <= halves) & (reach >= halves // np.maximum(divisors, 1))):
        return "products can be halves, of which the negative ones are rounded another way"
    return ""
