"""Depthwise convolution on int16 planes: four channels are widened at a time, then a 3x3 window slides over each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from utvm.microkernels.assembly import supports
from utvm.microkernels.conv import ChannelRanges, channel_ranges, records_refusal, rounding_of
from utvm.microkernels.depthwise import (
    CHANNELS,
    PlaneLayout,
    PlaneWindow,
    common_shift,
    widen_refusal,
    window_cycles,
)
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import DepthwiseConv2D
from utvm.model.tensor import Array
from utvm.operators.kernel import CKernel
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

Direction = Literal["rows", "columns"]

WINDOW = 3
_BANDS = (1, 2, 3, 4, 6, 8, 12)
# Planes may take a quarter of what input and output do, and two kilobytes anyway.
_SMALL_SCRATCH_BYTES = 2048
_SCRATCH_SHARE = 4
# Modelled on the Cortex-M7: cycles per widened pixel and channel, per channel and band, and per call.
_WIDEN_CYCLES = 1.0
_CHANNEL_CYCLES = 25
_CALL_CYCLES = 300


class DepthwisePlanes(Template):
    """Windows of at most 3x3 without dilation, stride 1 or 2 along the direction in which planes are walked.

    knob `along`: whether a row of a plane is a row or a column of the image; the longer one wastes less.
    knob `bands`: how many parts the image is cut into; more need smaller planes, and widen some rows twice.
    """

    name = "depthwise_planes"

    def refusal(self, site: Site) -> str:
        """Other operators, unknown weights, larger windows, accumulators or scales out of range, cores without DSP."""
        operator = site.operator
        if not isinstance(operator, DepthwiseConv2D):
            return f"{type(operator).__name__} is not a depthwise convolution"
        if not supports(site.core):
            return f"{site.core.name} has no DSP instructions that code is scheduled for"
        _, weights, bias = site.inputs
        if weights.data is None or bias.data is None:
            return "weights and bias are not constants"
        if max(weights.shape[1:3]) > WINDOW:
            return f"the window is {weights.shape[1]}x{weights.shape[2]}, larger than 3x3"
        if operator.dilation != (1, 1):
            return f"the window is dilated by {operator.dilation}"
        padding = operator.padding
        before_and_after = (padding.top, padding.bottom), (padding.left, padding.right)
        if any(max(sides) >= taps for sides, taps in zip(before_and_after, weights.shape[1:3], strict=True)):
            return f"a window lies in the padding {padding} alone"
        ranges = channel_sums(operator, weights.data, bias.data)
        requantization, zero_point = operator.requantization, operator.output_zero_point
        rounding = rounding_of(zero_point, operator.clamp)
        # Nine taps move a sum by less than 2**19: one far from int8's range is settled, all others can be doubled.
        reason = records_refusal(requantization, zero_point, rounding, ranges)
        return reason or (plan_of(site, "rows", 1).refusal() and plan_of(site, "columns", 1).refusal())

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """See the class."""
        directions: list[Direction] = ["rows", "columns"]
        plans = [plan_of(site, along, 1) for along in directions]
        possible = sorted((plan for plan in plans if not plan.refusal()), key=lambda plan: plan.cycles(site))
        along = possible[0].along
        wanted = max(_SMALL_SCRATCH_BYTES, (site.inputs[0].size_bytes + site.outputs[0].size_bytes) // _SCRATCH_SHARE)
        bands = [count for count in _BANDS if count <= max(plan.rows for plan in possible)]
        small = [count for count in bands if plan_of(site, along, count).scratch_bytes(site) <= wanted]
        large = [count for count in reversed(bands) if count not in small]
        return {"along": tuple(plan.along for plan in possible), "bands": (*small, *large)}

    def conflict(self, site: Site, schedule: Schedule) -> str:
        """More bands than rows."""
        rows, bands = plan_of(site, *_choice(schedule)).rows, schedule.knob("bands")
        return f"bands = {bands}: there are {rows} rows" if int(bands) > rows else ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """Modelled cycles of the windows, and a rate for widening."""
        return plan_of(site, *_choice(schedule)).cycles(site)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Per band: widen four channels, slide the window over each, and so on; channels left over one by one."""
        from utvm.schedules.depthwise_source import depthwise_kernel

        return depthwise_kernel(site, plan_of(site, *_choice(schedule)))


@dataclass(frozen=True)
class Plan:
    """Planes that hold `band` rows of outputs of `rows`, the window over them, steps of the image in bytes.

    `row_stride`, `above`, `extent`: stride, padding before and size of the image across a plane's rows.
    """

    along: Direction
    layout: PlaneLayout
    window: PlaneWindow
    rows: int
    band: int
    row_stride: int
    above: int
    extent: int
    pixel_step: int
    row_step: int

    def refusal(self) -> str:
        """Why there is no code; empty if there is."""
        return self.window.refusal() or widen_refusal(self.layout, self.pixel_step)

    def scratch_bytes(self, site: Site) -> int:
        """All planes."""
        return min(site.inputs[0].shape[3], CHANNELS) * self.layout.plane_bytes

    def cycles(self, site: Site) -> float:
        """Modelled, per call."""
        batch, _, _, channels = site.inputs[0].shape
        bands = -(-self.rows // self.band)
        widened = min(self.layout.rows * bands, self.extent + 2 * bands) * self.layout.columns * channels
        windows = site.outputs[0].shape[3] * (
            window_cycles(self.window, site.core, self.rows) + (bands - 1) * _CHANNEL_CYCLES
        )
        per_image = widened * _WIDEN_CYCLES + windows + channels * bands * _CHANNEL_CYCLES
        return batch * per_image + _CALL_CYCLES


def _choice(schedule: Schedule) -> tuple[Direction, int]:
    return "rows" if schedule.knob("along") == "rows" else "columns", int(schedule.knob("bands"))


@lru_cache(maxsize=256)
def plan_of(site: Site, along: Direction, bands: int) -> Plan:
    """How the operator is computed in that many bands."""
    operator = site.operator
    assert isinstance(operator, DepthwiseConv2D)
    _, height, width, channels = site.inputs[0].shape
    _, out_height, out_width, out_channels = site.outputs[0].shape
    steps, output_steps = (width * channels, channels), (out_width * out_channels, out_channels)
    extents, positions = (height, width), (out_height, out_width)
    strides, before = operator.strides, (operator.padding.top, operator.padding.left)
    y, x = (0, 1) if along == "rows" else (1, 0)
    band = -(-positions[y] // max(bands, 1))
    rows, columns = ((count - 1) * strides[axis] + WINDOW for count, axis in ((band, y), (positions[x], x)))
    layout = PlaneLayout(rows, columns + columns % 2, before[x], min(extents[x], columns - before[x]))
    window = PlaneWindow(
        stride=strides[x],
        outputs=positions[x],
        row_step=2 * layout.pitch,
        plane_row_step=2 * layout.pitch * strides[y],
        plane_step=layout.plane_bytes if operator.depth_multiplier == 1 else 0,
        output_step=output_steps[x],
        output_row_step=output_steps[y],
        rounding=rounding_of(operator.output_zero_point, operator.clamp),
        shift=_shift(site),
    )
    return Plan(along, layout, window, positions[y], band, strides[y], before[y], extents[y], steps[x], steps[y])


@lru_cache(maxsize=256)
def _shift(site: Site) -> int | None:
    operator = site.operator
    assert isinstance(operator, DepthwiseConv2D)
    _, weights, bias = site.inputs
    assert weights.data is not None and bias.data is not None
    zero_point = operator.output_zero_point
    ranges = channel_sums(operator, weights.data, bias.data)
    return common_shift(operator.requantization, zero_point, rounding_of(zero_point, operator.clamp), ranges)


def folded_bias(operator: DepthwiseConv2D, weights: Array, bias: Array) -> Int64Array:
    """The bias of inputs as they are stored."""
    sums = weights.astype(np.int64).sum(axis=(0, 1, 2))
    return np.asarray(bias.astype(np.int64) - operator.input_zero_point * sums, dtype=np.int64)


def channel_sums(operator: DepthwiseConv2D, weights: Array, bias: Array) -> ChannelRanges:
    """The ranges of the accumulators."""
    taps = weights.reshape(-1, weights.shape[3]).T
    return channel_ranges(taps, folded_bias(operator, weights, bias))
