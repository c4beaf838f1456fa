"""How a depthwise convolution is laid out for vector dot products, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from utvm.microkernels.assembly.vector_operations import BYTES
from utvm.microkernels.mve.planes import CHANNELS, MOST_PLANE_BYTES, Spread, spread_cycles
from utvm.microkernels.mve.requantize import scaling_of
from utvm.microkernels.mve.window import MOST_ACROSS, Window, window_cycles
from utvm.model.operator_types import DepthwiseConv2D
from utvm.operators.overlap import IN_PLACE, Overlap, streamed
from utvm.schedules.template import Site

Direction = Literal["rows", "columns"]

_LARGEST_STEP = 1 << 20
# Estimated, per call of a microkernel and per call of the kernel.
_CALL_CYCLES = 40
_KERNEL_CYCLES = 100


@dataclass(frozen=True)
class VectorPlan:
    """`along` which axis outputs are computed four at a time. Steps in bytes; across is the other axis.

    `before_along`, `before`: padding before the image along and across. `whole`: of eight channels, all bands are read
    before outputs are written, which may then be written over them.
    """

    along: Direction
    whole: bool
    window: Window
    spread: Spread
    before_along: int
    before: int
    extent_across: int
    outputs_across: int
    stride_across: int
    image_row: int
    output_row: int
    batch: int
    alike: bool

    @property
    def fill(self) -> Spread:
        """What writes the zero point where rows are outside the image."""
        spread = self.spread
        return Spread(spread.channels, spread.count, (0, 0), spread.record, spread.plane_bytes)

    @property
    def padded_along(self) -> bool:
        """Whether planes begin or end with padding."""
        return self.spread.count < self.window.positions

    @property
    def padded_across(self) -> bool:
        """Whether some records hold padding."""
        reach = (self.outputs_across - 1) * self.stride_across + self.window.taps[1]
        return self.before > 0 or reach - self.before > self.extent_across

    @property
    def bands(self) -> int:
        """Of outputs across."""
        return -(-self.outputs_across // self.window.across)

    @property
    def band_bytes(self) -> int:
        """Planes of a band."""
        return CHANNELS * self.window.plane_bytes

    @property
    def scratch_bytes(self) -> int:
        """All planes, and what a vector reaches behind them."""
        return (self.bands if self.whole else 1) * self.band_bytes + BYTES

    def overlap(self, site: Site) -> Overlap:
        """How far outputs may be written over the image."""
        if self.whole:
            return IN_PLACE
        output_bytes = site.outputs[0].size_bytes // self.batch
        image_bytes = site.inputs[0].size_bytes // self.batch
        written: list[int] = []
        begun: list[int] = []
        for image in range(self.batch):
            for band in range(self.bands):
                first = min(band * self.window.across, self.outputs_across - self.window.across)
                end = (first + self.window.across) * self.output_row
                # Bands of columns reach down to the last row.
                end = end if self.along == "columns" else output_bytes
                top = max(0, min(first * self.stride_across - self.before, self.extent_across))
                # Twice, as channels are still read when the first of a band have been written.
                written += [image * output_bytes + end] * 2
                begun += [image * image_bytes + top * self.image_row] * 2
        return streamed(written, begun)

    def refusal(self) -> str:
        """Why there is no code; empty if there is."""
        if self.whole and (not self.alike or self.bands == 1):
            return "outputs are not where inputs are, or there is one band"
        steps = (*self.spread.steps, *self.window.output_steps, self.image_row)
        if self.window.plane_bytes > MOST_PLANE_BYTES or max(steps) >= _LARGEST_STEP:
            return "rows are too long"
        return self.window.refusal()

    def cycles(self, site: Site) -> float:
        """Estimated, per call."""
        channels = site.inputs[0].shape[3]
        blocks = -(-channels // CHANNELS)
        windows = site.outputs[0].shape[3] * window_cycles(self.window, site.core)
        spreads = blocks * (self.window.record * spread_cycles(self.spread, site.core) + 2 * _CALL_CYCLES)
        return self.batch * self.bands * (windows + spreads) + _KERNEL_CYCLES


@lru_cache(maxsize=256)
def plans_of(site: Site) -> tuple[VectorPlan, ...]:
    """Every plan that there is code for, the cheapest first."""
    directions: tuple[Direction, ...] = ("rows", "columns")
    plans = [
        _plan(site, along, across, whole)
        for along in directions
        for across in range(1, MOST_ACROSS + 1)
        for whole in (False, True)
    ]
    possible = [plan for plan in plans if plan.window.across <= plan.outputs_across and not plan.refusal()]
    return tuple(sorted(possible, key=lambda plan: plan.cycles(site)))


def _plan(site: Site, direction: Direction, across: int, whole: bool) -> VectorPlan:
    operator = site.operator
    assert isinstance(operator, DepthwiseConv2D)
    batch, height, width, channels = site.inputs[0].shape
    _, out_height, out_width, out_channels = site.outputs[0].shape
    steps, output_steps = (width * channels, channels), (out_width * out_channels, out_channels)
    extents, outputs = (height, width), (out_height, out_width)
    taps = site.inputs[1].shape[1:3]
    before = operator.padding.top, operator.padding.left
    x, y = (0, 1) if direction == "rows" else (1, 0)
    strides = operator.strides
    window = Window(
        outputs=outputs[x],
        across=across,
        taps=(taps[x], taps[y]),
        strides=(strides[x], strides[y]),
        output_steps=(output_steps[x], output_steps[y]),
        plane_step=((outputs[x] - 1) * strides[x] + taps[x]) * ((across - 1) * strides[y] + taps[y])
        if operator.depth_multiplier == 1
        else 0,
        scaling=scaling_of(operator.requantization, operator.output_zero_point, operator.clamp),
        zero_point=operator.output_zero_point,
    )
    spread = Spread(
        channels=min(channels, CHANNELS),
        count=min(extents[x], window.positions - before[x]),
        steps=(steps[x], steps[y]),
        record=window.record,
        plane_bytes=window.plane_bytes,
    )
    return VectorPlan(
        along=direction,
        whole=whole,
        window=window,
        spread=spread,
        before_along=before[x],
        before=before[y],
        extent_across=extents[y],
        outputs_across=outputs[y],
        stride_across=strides[y],
        image_row=steps[y],
        output_row=output_steps[y],
        batch=batch,
        alike=site.inputs[0].shape == site.outputs[0].shape and strides == (1, 1),
    )
