"""How a depthwise convolution is laid out in planes, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from utvm.microkernels.conv import ChannelRanges, channel_ranges, common_shift, rounding_of
from utvm.microkernels.depthwise import (
    CHANNELS,
    TILE,
    PlaneLayout,
    PlaneWindow,
    widen_refusal,
    window_cycles,
    window_size,
)
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import DepthwiseConv2D
from utvm.model.tensor import Array
from utvm.operators.overlap import IN_PLACE, Overlap, streamed
from utvm.schedules.template import Site

Direction = Literal["rows", "columns"]

# Modelled on the Cortex-M7: cycles per widened pixel and channel, per channel and band, and per call.
_WIDEN_CYCLES = 1.0
_CHANNEL_CYCLES = 25
_CALL_CYCLES = 300


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

    @property
    def computed_outputs(self) -> int:
        """Outputs of a plane when rows are filled up to whole tiles, the end of a row counted as one."""
        return self.rows * (-(-self.window.outputs // TILE) * TILE + 1)

    def scratch_bytes(self, site: Site) -> int:
        """All planes."""
        return min(site.inputs[0].shape[3], CHANNELS) * self.layout.plane_bytes

    def overlap(self, site: Site) -> Overlap:
        """How far outputs may be written over the image.

        Channels are read from all of a band before they are written: in one band, each over itself where input and
        output are alike. A band's image is read until its last channels are.
        """
        batch, image_bytes = site.inputs[0].shape[0], site.inputs[0].size_bytes
        operator = site.operator
        assert isinstance(operator, DepthwiseConv2D)
        alike = site.inputs[0].shape == site.outputs[0].shape and operator.strides == (1, 1)
        if self.band == self.rows and alike:
            return IN_PLACE
        written: list[int] = []
        begun: list[int] = []
        output_bytes = site.outputs[0].size_bytes // batch
        across = self.window.output_row_step * self.rows
        for image in range(batch):
            for first in range(0, self.rows, self.band):
                end = min(first + self.band, self.rows) * self.window.output_row_step
                # Where planes are walked along columns, bands are columns and reach down to the last row.
                end = end if across == output_bytes else output_bytes
                top = max(0, min(first * self.row_stride - self.above, self.extent))
                # Twice, as channels are still read when the first of a band have been written.
                written += [image * output_bytes + end] * 2
                begun += [image * (image_bytes // batch) + top * self.row_step] * 2
        return streamed(written, begun)

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
    window = site.inputs[1].shape[1:3]
    y, x = (0, 1) if along == "rows" else (1, 0)
    band = -(-positions[y] // max(bands, 1))
    size = window_size(window[y], window[x])
    rows, columns = (
        (count - 1) * strides[axis] + taps for count, axis, taps in ((band, y, size[0]), (positions[x], x, size[1]))
    )
    layout = PlaneLayout(rows, columns + columns % 2, before[x], min(extents[x], columns - before[x]))
    walked = PlaneWindow(
        stride=strides[x],
        outputs=positions[x],
        row_step=2 * layout.pitch,
        plane_row_step=2 * layout.pitch * strides[y],
        plane_step=layout.plane_bytes if operator.depth_multiplier == 1 else 0,
        output_step=output_steps[x],
        output_row_step=output_steps[y],
        rounding=rounding_of(operator.output_zero_point, operator.clamp, operator.requantization),
        shift=_shift(site),
        size=size,
    )
    return Plan(along, layout, walked, positions[y], band, strides[y], before[y], extents[y], steps[x], steps[y])


@lru_cache(maxsize=256)
def _shift(site: Site) -> int | None:
    operator = site.operator
    assert isinstance(operator, DepthwiseConv2D)
    _, weights, bias = site.inputs
    assert weights.data is not None and bias.data is not None
    zero_point = operator.output_zero_point
    ranges = channel_sums(operator, weights.data, bias.data)
    rounding = rounding_of(zero_point, operator.clamp, operator.requantization)
    return common_shift(operator.requantization, zero_point, rounding, ranges)


def folded_bias(operator: DepthwiseConv2D, weights: Array, bias: Array) -> Int64Array:
    """The bias of inputs as they are stored."""
    sums = weights.astype(np.int64).sum(axis=(0, 1, 2))
    return np.asarray(bias.astype(np.int64) - operator.input_zero_point * sums, dtype=np.int64)


def channel_sums(operator: DepthwiseConv2D, weights: Array, bias: Array) -> ChannelRanges:
    """The ranges of the accumulators."""
    taps = weights.reshape(-1, weights.shape[3]).T
    return channel_ranges(taps, folded_bias(operator, weights, bias))
