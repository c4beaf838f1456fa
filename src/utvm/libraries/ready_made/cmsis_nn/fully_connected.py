"""Fully connected layers: arm_fully_connected_wrapper_s8.

LiteRT rounds a product once, halves away from zero; CMSIS-NN rounds twice, or once and halves up where it is compiled
with CMSIS_NN_USE_SINGLE_ROUNDING. All are steps of the accumulator, so whether an int8 output ever differs is found by
comparing where they step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from utvm.libraries.ready_made.cmsis_nn.calls import (
    activation,
    call_kernel,
    core_refusal,
    dims,
    quantization,
    struct,
    with_local,
)
from utvm.microkernels.conv import channel_ranges
from utvm.model import operator_types
from utvm.model.fixed_point import Int64Array, multiply_double_rounding, multiply_single_rounding
from utvm.model.tensor import Array
from utvm.operators.kernel import CKernel
from utvm.schedules import Schedule, Site, Template

_MAC, _OUTPUT, _PLAIN_FACTOR = 1.7, 30.0, 3


class FullyConnected(Template):
    """FullyConnected with constant, symmetric weights, where the library's rounding gives LiteRT's bytes."""

    def __init__(self, rounds_once: bool = False) -> None:
        self._rounds_once = rounds_once
        self.name = "fully_connected_s8"

    def refusal(self, site: Site) -> str:
        """Other operators, unknown or asymmetric weights, wide multipliers, layers whose outputs could differ."""
        operator = site.operator
        if not isinstance(operator, operator_types.FullyConnected):
            return "not fully connected"
        _, weights, bias = site.inputs
        if weights.data is None or bias.data is None:
            return "weights and bias are not constants"
        if operator.weights_zero_point:
            return f"the weights' zero point is {operator.weights_zero_point}, not 0"
        if operator.requantization.rounding == "wide":
            return "multipliers of 53 bits"
        reason = core_refusal(site.core)
        if reason:
            return reason
        differing = _differing_steps(operator, weights.data, bias.data, self._rounds_once)
        rounding = "once, halves up" if self._rounds_once else "twice"
        return f"rounding {rounding}, outputs step at {differing} other accumulators than LiteRT's" if differing else ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By multiply-accumulates and outputs."""
        del schedule
        per_output = _MAC * site.inputs[1].shape[1] + _OUTPUT
        return site.outputs[0].element_count * per_output * (1 if site.core.dsp else _PLAIN_FACTOR)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One call, for all rows."""
        del schedule
        operator = site.operator
        assert isinstance(operator, operator_types.FullyConnected)
        rows, depth = site.inputs[0].shape
        units = site.inputs[1].shape[0]
        params: dict[str, int | str] = {
            "input_offset": -operator.input_zero_point,
            "filter_offset": 0,
            "output_offset": operator.output_zero_point,
            "activation": activation(operator.clamp),
        }
        kernel = call_kernel(
            site,
            "arm_fully_connected_wrapper_s8",
            {
                "params": ("cmsis_nn_fc_params", struct(params)),
                "input_dims": ("cmsis_nn_dims", dims(n=rows, c=depth)),
                "filter_dims": ("cmsis_nn_dims", dims(n=depth, c=units)),
                "bias_dims": ("cmsis_nn_dims", dims(c=units)),
                "output_dims": ("cmsis_nn_dims", dims(n=rows, c=units)),
            },
            (
                "&context",
                "&params",
                "&quantization",
                "&input_dims",
                "input",
                "&filter_dims",
                "input1",
                "&bias_dims",
                "input2",
                "&output_dims",
                "output",
            ),
            quantization(operator.requantization, None),
        )
        per_channel = int(len(operator.requantization.multipliers) > 1)
        values = struct(
            {
                "multiplier": "(int32_t *)multipliers",
                "shift": "(int32_t *)shifts",
                "is_per_channel": per_channel,
            }
        )
        return with_local(kernel, "quantization", ("cmsis_nn_quant_params", values))


def _differing_steps(operator: operator_types.FullyConnected, weights: Array, bias: Array, rounds_once: bool) -> int:
    """How many of the accumulators where an output steps are others for the library."""
    folded = bias.astype(np.int64) - operator.input_zero_point * weights.astype(np.int64).sum(axis=1)
    ranges = channel_ranges(weights, folded)
    multipliers = np.array(operator.requantization.multipliers, dtype=np.int64)[:, np.newaxis]
    shifts = np.array(operator.requantization.shifts, dtype=np.int64)[:, np.newaxis]
    low, high = operator.clamp
    targets = np.arange(low + 1, high + 1, dtype=np.int64)[np.newaxis, :] - operator.output_zero_point
    least, greatest = ranges.least[:, np.newaxis], ranges.greatest[:, np.newaxis]
    shape = (len(folded), targets.shape[1])

    def steps(multiply: Callable[[Int64Array, Int64Array, Int64Array], Int64Array]) -> Int64Array:
        """Per output value, the first accumulator in the range that reaches it; one beyond where none does."""
        below = np.array(np.broadcast_to(least, shape), dtype=np.int64)
        reached = np.array(np.broadcast_to(greatest + 1, shape), dtype=np.int64)
        while np.any(below < reached):
            middle = (below + reached) >> 1
            is_reached = multiply(middle, multipliers, shifts) >= targets
            reached, below = (
                np.where(is_reached & (below < reached), middle, reached),
                np.where(~is_reached & (below < reached), middle + 1, below),
            )
        return reached

    truth = multiply_double_rounding if operator.requantization.rounding == "double" else multiply_single_rounding
    return int(np.count_nonzero(steps(truth) != steps(_halves_up if rounds_once else multiply_double_rounding)))


def _halves_up(x: Int64Array, multiplier: Int64Array, shift: Int64Array) -> Int64Array:
    total_shift = 31 - shift
    return np.asarray((((x * multiplier) >> (total_shift - 1)) + 1) >> 1, dtype=np.int64)
