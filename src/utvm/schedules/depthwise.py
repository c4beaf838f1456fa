"""Depthwise convolution on int16 planes: four channels are widened at a time, then a 3x3 window slides over each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from utvm.microkernels.assembly import supports
from utvm.microkernels.conv import ChannelRanges, channel_ranges, records_refusal, rounding_of
from utvm.microkernels.conv.clamp import clamp_bytes, clamp_operands
from utvm.microkernels.depthwise import (
    CHANNELS,
    PLANE_EDGES,
    PLANE_SINGLE,
    RECORD_WORDS,
    PlaneLayout,
    PlaneWindow,
    depthwise_records,
    widen_planes,
    widen_refusal,
    window_cycles,
    window_unit,
)
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import DepthwiseConv2D
from utvm.model.tensor import Array
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

Direction = Literal["rows", "columns"]

_WINDOW = 3
_FULL_RANGE = (-128, 127)
# Modelled on the Cortex-M7: cycles per widened pixel and channel, per channel, and per call.
_WIDEN_CYCLES = 1.3
_CHANNEL_CYCLES = 25
_CALL_CYCLES = 300


class DepthwisePlanes(Template):
    """Windows of at most 3x3 without dilation, stride 1 or 2 along the direction in which planes are walked.

    knob `along`: whether a row of a plane is a row or a column of the image; the longer one wastes less.
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
        if max(weights.shape[1:3]) > _WINDOW:
            return f"the window is {weights.shape[1]}x{weights.shape[2]}, larger than 3x3"
        if operator.dilation != (1, 1):
            return f"the window is dilated by {operator.dilation}"
        rounding = rounding_of(operator.output_zero_point, operator.clamp)
        reason = records_refusal(
            operator.requantization, operator.output_zero_point, rounding, _ranges(operator, weights.data, bias.data)
        )
        return reason or (_plan(site, "rows").refusal() and _plan(site, "columns").refusal())

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """See the class."""
        directions: list[Direction] = ["rows", "columns"]
        possible = [direction for direction in directions if not _plan(site, direction).refusal()]
        return {"along": tuple(sorted(possible, key=lambda along: _plan(site, along).cycles(site)))}

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """Modelled cycles of the windows, and a rate for widening."""
        return _plan(site, _along(schedule)).cycles(site)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Widen four channels, slide the window over each, and so on; channels that are left over one by one."""
        return _kernel(site, _plan(site, _along(schedule)))


@dataclass(frozen=True)
class _Plan:
    """Layout of planes and the window over them, steps of the image in bytes."""

    along: Direction
    layout: PlaneLayout
    window: PlaneWindow
    pixel_step: int
    row_step: int

    def refusal(self) -> str:
        """Why there is no code; empty if there is."""
        return self.window.refusal() or widen_refusal(self.layout, self.pixel_step)

    def cycles(self, site: Site) -> float:
        batch, _, _, channels = site.inputs[0].shape
        widened = self.layout.image_rows * self.layout.image_columns * channels * _WIDEN_CYCLES
        windows = site.outputs[0].shape[3] * window_cycles(self.window, site.core)
        return batch * (widened + windows + channels * _CHANNEL_CYCLES) + _CALL_CYCLES


def _along(schedule: Schedule) -> Direction:
    return "rows" if schedule.knob("along") == "rows" else "columns"


def _plan(site: Site, along: Direction) -> _Plan:
    operator = site.operator
    assert isinstance(operator, DepthwiseConv2D)
    _, height, width, channels = site.inputs[0].shape
    _, out_height, out_width, out_channels = site.outputs[0].shape
    steps, output_steps = (width * channels, channels), (out_width * out_channels, out_channels)
    extents, positions = (height, width), (out_height, out_width)
    strides, before = operator.strides, (operator.padding.top, operator.padding.left)
    y, x = (0, 1) if along == "rows" else (1, 0)
    rows, columns = ((positions[axis] - 1) * strides[axis] + _WINDOW for axis in (y, x))
    layout = PlaneLayout(
        rows=rows,
        pitch=columns + columns % 2,
        top=before[y],
        left=before[x],
        image_rows=min(extents[y], rows - before[y]),
        image_columns=min(extents[x], columns - before[x]),
    )
    window = PlaneWindow(
        stride=strides[x],
        outputs=positions[x],
        output_rows=positions[y],
        row_step=2 * layout.pitch,
        plane_row_step=2 * layout.pitch * strides[y],
        plane_step=layout.plane_bytes if operator.depth_multiplier == 1 else 0,
        output_step=output_steps[x],
        output_row_step=output_steps[y],
        rounding=rounding_of(operator.output_zero_point, operator.clamp),
    )
    return _Plan(along, layout, window, steps[x], steps[y])


def _folded_bias(operator: DepthwiseConv2D, weights: Array, bias: Array) -> Int64Array:
    sums = weights.astype(np.int64).sum(axis=(0, 1, 2))
    return np.asarray(bias.astype(np.int64) - operator.input_zero_point * sums, dtype=np.int64)


def _ranges(operator: DepthwiseConv2D, weights: Array, bias: Array) -> ChannelRanges:
    taps = weights.reshape(-1, weights.shape[3]).T
    return channel_ranges(taps, _folded_bias(operator, weights, bias))


def _kernel(site: Site, plan: _Plan) -> CKernel:
    operator = site.operator
    assert isinstance(operator, DepthwiseConv2D)
    image, weights, bias = site.inputs
    output = site.outputs[0]
    assert weights.data is not None and bias.data is not None
    turned = weights.data.transpose(0, 2, 1, 3) if plan.along == "columns" else weights.data
    records = depthwise_records(
        turned[0],
        _folded_bias(operator, weights.data, bias.data),
        operator.requantization,
        operator.output_zero_point,
        _ranges(operator, weights.data, bias.data),
    )
    layout = plan.layout
    planes = min(image.shape[3], CHANNELS)
    units = [PLANE_EDGES, window_unit(plan.window, site.core)]
    if image.shape[3] >= CHANNELS:
        units.append(widen_planes(layout, plan.pixel_step, plan.row_step, site.core))
    if image.shape[3] % CHANNELS:
        units.append(PLANE_SINGLE)
    body = _body(site, plan, planes)
    if operator.clamp != _FULL_RANGE:
        clamp = clamp_bytes(site.core)
        units.append(clamp)
        above, below = clamp_operands(operator.clamp)
        body.append(f"{clamp.name}(output, {output.element_count}, {above}U, {below}U);")
    return CKernel(
        stem="depthwise_conv2d_planes",
        body="\n".join(body),
        types=("const int8_t", "int8_t", "const int32_t", "int16_t"),
        arguments=(
            KernelArgument("input", "tensor", image.name),
            KernelArgument("output", "tensor", output.name, written=True),
            KernelArgument("records", "constant", data=records),
            KernelArgument("planes", "scratch", size_bytes=planes * layout.plane_bytes),
        ),
        comments=_comments(site, operator, plan),
        units=tuple(units),
    )


def _comments(site: Site, operator: DepthwiseConv2D, plan: _Plan) -> tuple[str, ...]:
    shapes = " -> ".join(
        "x".join(str(extent) for extent in tensor.shape) for tensor in (site.inputs[0], site.outputs[0])
    )
    layout = plan.layout
    return (
        f"{shapes}, window {site.inputs[1].shape[1]}x{site.inputs[1].shape[2]}, strides {operator.strides}",
        f"four channels at a time in int16 planes of {layout.rows}x{layout.pitch}",
    )


def _body(site: Site, plan: _Plan, planes: int) -> list[str]:
    operator = site.operator
    assert isinstance(operator, DepthwiseConv2D)
    layout, window = plan.layout, plan.window.name(site.core)
    batch, height, width, channels = site.inputs[0].shape
    elements, multiplier = layout.plane_bytes // 2, operator.depth_multiplier
    words = channels - channels % CHANNELS
    fields = ", ".join(str(value) for value in layout.description())
    lines = [
        f"static const int32_t layout[6] = {{{fields}}};",
        f"for (int32_t p = 0; p < {planes}; ++p) {{",
        f"    {PLANE_EDGES.name}(planes + p * {elements}, layout, {operator.input_zero_point});",
        "}",
    ]
    inner: list[str] = []
    if words:
        widen = widen_planes(layout, plan.pixel_step, plan.row_step, site.core).name
        inner += [f"for (int32_t c = 0; c < {words}; c += {CHANNELS}) {{", f"    {widen}(input + c, planes);"]
        if multiplier == 1:
            inner.append(f"    {window}(planes, output + c, records + c * {RECORD_WORDS}, {CHANNELS});")
        else:
            inner += [f"    for (int32_t p = 0; p < {CHANNELS}; ++p) {{"]
            inner += [
                f"        {line}" for line in _multiplied(window, f"planes + p * {elements}", "(c + p)", multiplier)
            ]
            inner += ["    }"]
        inner.append("}")
    if channels % CHANNELS:
        steps = f"layout, {plan.pixel_step}, {plan.row_step}"
        inner += [
            f"for (int32_t c = {words}; c < {channels}; ++c) {{",
            f"    {PLANE_SINGLE.name}(planes, input + c, {steps});",
        ]
        inner += [f"    {line}" for line in _multiplied(window, "planes", "c", multiplier)]
        inner.append("}")
    if batch == 1:
        return lines + inner
    outputs = site.outputs[0].element_count // batch
    inner += [f"input += {height * width * channels};", f"output += {outputs};"]
    lines += [f"for (int32_t n = 0; n < {batch}; ++n) {{", *(f"    {line}" for line in inner), "}"]
    return [*lines, f"output -= {batch * outputs};"] if operator.clamp != _FULL_RANGE else lines


def _multiplied(window: str, plane: str, channel: str, multiplier: int) -> list[str]:
    """All output channels of one plane."""
    output, records = f"output + {channel} * {multiplier}", f"records + {channel} * {multiplier * RECORD_WORDS}"
    return [f"{window}({plane}, {output}, {records}, {multiplier});"]
