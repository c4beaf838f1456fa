"""Depthwise convolution on int16 planes: four channels are widened at a time, then the window slides over each."""

from __future__ import annotations

from collections.abc import Mapping

from utvm.microkernels.assembly import supports
from utvm.microkernels.conv import records_refusal, rounding_of, settled_channels
from utvm.model.operator_types import DepthwiseConv2D
from utvm.operators.kernel import CKernel
from utvm.operators.overlap import Overlap
from utvm.schedules.depthwise_plan import Direction, channel_sums, plan_of
from utvm.schedules.depthwise_source import depthwise_kernel
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

_LARGEST_WINDOW = 7
_BANDS = (1, 2, 3, 4, 6, 8, 12)
# Planes may take a quarter of what input and output do, and two kilobytes anyway.
_SMALL_SCRATCH_BYTES = 2048
_SCRATCH_SHARE = 4


class DepthwisePlanes(Template):
    """Windows of at most 7x7 without dilation, stride 1 or 2 along the direction in which planes are walked.

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
        if max(weights.shape[1:3]) > _LARGEST_WINDOW:
            return f"the window is {weights.shape[1]}x{weights.shape[2]}, larger than 7x7"
        if operator.dilation != (1, 1):
            return f"the window is dilated by {operator.dilation}"
        padding = operator.padding
        before_and_after = (padding.top, padding.bottom), (padding.left, padding.right)
        if any(max(sides) >= taps for sides, taps in zip(before_and_after, weights.shape[1:3], strict=True)):
            return f"a window lies in the padding {padding} alone"
        ranges = channel_sums(operator, weights.data, bias.data)
        requantization, zero_point = operator.requantization, operator.output_zero_point
        rounding = rounding_of(zero_point, operator.clamp, requantization)
        reason = records_refusal(requantization, zero_point, rounding, ranges)
        if not reason and not (ranges.doubled() | settled_channels(requantization, zero_point, ranges)).all():
            reason = "an accumulator could leave int32 when it is doubled"
        return reason or (plan_of(site, "rows", 1).refusal() and plan_of(site, "columns", 1).refusal())

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """See the class."""
        directions: list[Direction] = ["rows", "columns"]
        plans = [plan_of(site, along, 1) for along in directions]
        possible = sorted((plan for plan in plans if not plan.refusal()), key=lambda plan: plan.computed_outputs)
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

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """See Template."""
        return plan_of(site, *_choice(schedule)).scratch_bytes(site)

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """Channel by channel in one band, band by band in several."""
        return plan_of(site, *_choice(schedule)).overlap(site)

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """Modelled cycles of the windows, and a rate for widening."""
        return plan_of(site, *_choice(schedule)).cycles(site)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Per band: widen four channels, slide the window over each, and so on; channels left over one by one."""
        return depthwise_kernel(site, plan_of(site, *_choice(schedule)))


def _choice(schedule: Schedule) -> tuple[Direction, int]:
    return "rows" if schedule.knob("along") == "rows" else "columns", int(schedule.knob("bands"))
