"""Scale factors as integer multipliers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from utvm.importers.tflite.node import Unsupported
from utvm.model.fixed_point import quantize_multiplier
from utvm.model.operator_types import Requantization

MAX_SHIFT = 30


def double_rounding(reals: Sequence[float]) -> Requantization:
    """The requantization of LiteRT's MultiplyByQuantizedMultiplier, one entry per factor.

    Raises Unsupported for a factor of 2**30 or more, where LiteRT's shift leaves the register.
    """
    if not all(math.isfinite(real) for real in reals):
        raise Unsupported("a scale factor is not finite")
    pairs = [quantize_multiplier(real) for real in reals]
    if any(shift > MAX_SHIFT for _, shift in pairs):
        raise Unsupported(f"scale factor {max(reals):g} is not below 2**{MAX_SHIFT}")
    return Requantization(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))
