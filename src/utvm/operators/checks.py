"""Checks that several shape rules share; all raise ModelError naming the operator."""

from __future__ import annotations

import numpy as np

from utvm.model.operator_types import Operator, Padding, Requantization
from utvm.model.tensor import Tensor
from utvm.operators.rule import require

MAX_PADDED_ELEMENTS = 1 << 28
_MULTIPLIER_BITS = {"double": 31, "single": 31, "wide": 53}


def require_inputs(operator: Operator, inputs: tuple[Tensor, ...], *dtypes: str) -> None:
    """One input of each dtype, in this order."""
    require(len(inputs) == len(dtypes), operator, f"takes {len(dtypes)} inputs, not {len(inputs)}")
    require(len(operator.outputs) == 1, operator, f"has one output, not {len(operator.outputs)}")
    for tensor, dtype in zip(inputs, dtypes, strict=True):
        require(tensor.dtype == dtype, operator, f"{tensor} must be {dtype}")


def sole_input(operator: Operator, inputs: tuple[Tensor, ...], *dtypes: str) -> Tensor:
    """The input of an operator that takes one, of one of the dtypes when any are given."""
    require(len(inputs) == 1, operator, f"takes one input, not {len(inputs)}")
    require(len(operator.outputs) == 1, operator, f"has one output, not {len(operator.outputs)}")
    require(not dtypes or inputs[0].dtype in dtypes, operator, f"{inputs[0]} must be {' or '.join(dtypes)}")
    return inputs[0]


def require_rank(operator: Operator, tensor: Tensor, rank: int) -> None:
    """A tensor of `rank` axes."""
    require(len(tensor.shape) == rank, operator, f"{tensor} must have {rank} axes")


def require_int8(operator: Operator, what: str, *values: int) -> None:
    """Numbers that an int8 can hold."""
    for value in values:
        require(-128 <= value <= 127, operator, f"{what} {value} is outside -128 ... 127")


def require_clamp(operator: Operator, clamp: tuple[int, int]) -> None:
    """A range that is not empty, of int8."""
    require_int8(operator, "clamp", *clamp)
    require(clamp[0] <= clamp[1], operator, f"clamp {clamp} is empty")


def require_requantization(operator: Operator, requantization: Requantization, channels: int = 1) -> None:
    """One multiplier and shift, or one per channel, in the ranges that fixed-point arithmetic is defined for."""
    multipliers, shifts = requantization.multipliers, requantization.shifts
    require(
        len(multipliers) == len(shifts) and len(multipliers) in (1, channels),
        operator,
        f"{len(multipliers)} multipliers and {len(shifts)} shifts for {channels} channels",
    )
    bits = _MULTIPLIER_BITS[requantization.rounding]
    require(min(multipliers) >= 0 and max(multipliers) < 1 << bits, operator, f"a multiplier exceeds {bits} bits")
    require(min(shifts) >= -31 and max(shifts) <= 30, operator, "a shift is outside -31 ... 30")


def require_window(operator: Operator, image: Tensor, padding: Padding, *pairs: tuple[int, int]) -> None:
    """An NHWC image whose padding is not negative nor absurd; pairs (strides, dilation, window) that are positive."""
    require_rank(operator, image, 4)
    sides = (padding.top, padding.bottom, padding.left, padding.right)
    require(min(sides) >= 0, operator, f"padding {sides} is negative")
    batch, height, width, channels = image.shape
    padded = batch * (height + padding.top + padding.bottom) * (width + padding.left + padding.right) * channels
    require(padded <= MAX_PADDED_ELEMENTS, operator, f"padding {sides} makes {image} larger than 256 MiB")
    for pair in pairs:
        require(min(pair) > 0, operator, f"stride, dilation or window {pair} is not positive")


def require_accumulator(
    operator: Operator, weights: Tensor, weights_zero_point: int, bias: Tensor, input_zero_point: int, axis: int
) -> None:
    """Sums that fit int32 whatever the input is, as far as constants tell; `axis` is the weights' output channel."""
    reach = max(127 - input_zero_point, 128 + input_zero_point)
    taps = weights.element_count // weights.shape[axis]
    sums = np.array(taps * reach * max(127 - weights_zero_point, 128 + weights_zero_point))
    biases = np.zeros(1, dtype=np.int64) if bias.data is None else np.abs(bias.data.astype(np.int64))
    if int(sums) + int(biases.max()) >= 1 << 31 and weights.data is not None:
        # Weights of all -128 would overflow; these may not.
        others = tuple(index for index in range(len(weights.shape)) if index != axis)
        centred = np.abs(weights.data.astype(np.int16) - np.int16(weights_zero_point))
        sums = centred.sum(axis=others, dtype=np.int64) * reach
    largest = int((sums + biases).max())
    require(largest < 1 << 31, operator, f"its sums can reach {largest}, which an int32 accumulator does not hold")
