"""3x3 convolutions with stride 1 by Winograd's F(2x2, 3x3), exactly: 16 products for 36, weights 3.6 times as large.

A group of tiles at a time: its pixels are widened, its patches transformed, and for each pair of output channels the
products are summed and turned into outputs. More tiles in a group sweep the weights less often and need more memory.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from utvm.microkernels.conv import Rounding
from utvm.microkernels.conv.clamp import clamp_bytes, clamp_operands
from utvm.microkernels.conv.strips import FILL, QUAD_ORDER, widen_elements, widen_quads
from utvm.microkernels.conv_winograd import (
    FREQUENCIES,
    PatchWalk,
    ResultWalk,
    product_cycles,
    product_unit,
    result_cycles,
    result_unit,
    transform_unit,
    transformed_weights,
    winograd_records,
)
from utvm.microkernels.conv_winograd.products import LARGEST_CHANNELS, SUMS_TILE_BYTES
from utvm.microkernels.conv_winograd.weights import ACCUMULATOR_LIMIT
from utvm.operators.kernel import CKernel, CodeUnit, KernelArgument
from utvm.schedules.conv2d_channels import (
    conv2d_of,
    conv_channels,
    extents,
    plain_conv2d_refusal,
    sweep_cycles,
)
from utvm.schedules.conv2d_layout import Geometry
from utvm.schedules.conv2d_winograd_source import winograd_body
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

_ELEMENT_BYTES = 2
# By default scratch may be this share of the activations the kernel serves.
_SCRATCH_SHARE = 3 / 8
_TRANSFORM_CYCLES = 42  # per tile and two channels
_ELEMENT_CYCLES = 0.8
_CALL_CYCLES = 30


@dataclass(frozen=True)
class WinogradLayout:
    """A group is `tile_rows` rows of `tiles` tiles of 2x2 outputs."""

    geometry: Geometry
    tile_rows: int
    tiles: int

    @property
    def strip_row_elements(self) -> int:
        """Elements of a row of the group's patches, side by side."""
        return (2 * self.tiles + 2) * self.geometry.channels

    @property
    def shared_bytes(self) -> int:
        """The strip, and later in its place the sums of one pair of channels for an even number of tiles."""
        strip = (2 * self.tile_rows + 2) * self.strip_row_elements * _ELEMENT_BYTES
        return -(-max(strip, self._even_tiles * SUMS_TILE_BYTES) // 8) * 8

    @property
    def patches_bytes(self) -> int:
        """All patches in the frequency domain."""
        return self._even_tiles * FREQUENCIES * self.geometry.channels * _ELEMENT_BYTES

    @property
    def scratch_bytes(self) -> int:
        """All memory the kernel needs."""
        return self.shared_bytes + self.patches_bytes

    @property
    def groups(self) -> int:
        """How often the weights are swept."""
        geometry = self.geometry
        return -(-geometry.out_height // 2 // self.tile_rows) * -(-geometry.out_width // 2 // self.tiles)

    @property
    def _even_tiles(self) -> int:
        return -(-self.tile_rows * self.tiles // 2) * 2

    def patch_walk(self) -> PatchWalk:
        """How patches are read."""
        return PatchWalk(self.geometry.channels, self.strip_row_elements * _ELEMENT_BYTES)

    def result_walk(self, rounding: Rounding) -> ResultWalk:
        """How outputs are written."""
        channels = self.geometry.out_channels
        return ResultWalk(channels, self.geometry.out_width * channels, min(1, channels - 1), rounding)


class Conv2DWinograd(Template):
    """Conv2D with a 3x3 window, stride 1, even output sizes and an even number of input channels."""

    name = "conv2d_winograd"

    def refusal(self, site: Site) -> str:
        """See Template."""
        return plain_conv2d_refusal(site) or _shape_refusal(site) or _value_refusal(site)

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """`tiles` in a group: part of a row of tiles, or whole rows."""
        return {"tiles": _group_choices(site)}

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """From the units' modelled cycles and the sweeps over weights in flash.

        Infinite where scratch exceeds its share of memory: it is for the user, or tuning, to spend more.
        """
        layout, channels = _layout(site, schedule), conv_channels(site)
        if layout.scratch_bytes > _budget_bytes(site):
            return math.inf
        geometry, pairs = layout.geometry, len(channels.pairs)
        tiles = geometry.out_height * geometry.out_width // 4
        per_pair = product_cycles(geometry.channels, site.core) / 2
        per_pair += result_cycles(layout.result_walk(channels.rounding), site.core)
        widened = layout.groups * (2 * layout.tile_rows + 2) * layout.strip_row_elements
        weight_bytes = pairs * FREQUENCIES * geometry.channels * 4
        total = tiles * (pairs * per_pair + geometry.channels / 2 * _TRANSFORM_CYCLES) + widened * _ELEMENT_CYCLES
        calls = layout.groups * pairs * (1 + layout.tile_rows) * _CALL_CYCLES
        return geometry.batch * (total + calls + layout.groups * sweep_cycles(weight_bytes, site.core))

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """See Template."""
        operator, channels, core = conv2d_of(site), conv_channels(site), site.core
        layout = _layout(site, schedule)
        geometry = layout.geometry
        in_quads = geometry.channels % 4 == 0
        widen = widen_quads(core) if in_quads else widen_elements(core, 1)
        transform = transform_unit(layout.patch_walk(), core)
        products = product_unit(geometry.channels, core)
        results = result_unit(layout.result_walk(channels.rounding), core)
        units: list[CodeUnit] = [FILL, widen, transform, products, results]
        body = winograd_body(operator, layout, in_quads, [unit.name for unit in units[1:]])
        if operator.clamp != (-128, 127):
            clamp = clamp_bytes(core)
            units.append(clamp)
            greatest, least = clamp_operands(operator.clamp)
            body += f"\n{clamp.name}(output, {site.outputs[0].element_count}, {greatest:#010x}u, {least:#010x}u);"
        weights = channels.weights
        if in_quads:
            order = list(QUAD_ORDER)
            weights = weights.reshape(*weights.shape[:3], -1, 4)[..., order].reshape(weights.shape)
        records = winograd_records(
            channels.bias, operator.requantization, operator.output_zero_point, channels.ranges, channels.pairs
        )
        image = site.inputs[0]
        return CKernel(
            stem="conv2d_winograd",
            body=body,
            types=("const int8_t", "const int32_t", "const int32_t", "int8_t", "int32_t", "int16_t"),
            arguments=(
                KernelArgument("input", "tensor", tensor=image.name),
                KernelArgument("weights", "constant", data=transformed_weights(weights, channels.pairs)),
                KernelArgument("records", "constant", data=records),
                KernelArgument("output", "tensor", tensor=site.outputs[0].name, written=True),
                KernelArgument("shared", "scratch", size_bytes=layout.shared_bytes, written=True),
                KernelArgument("patches", "scratch", size_bytes=layout.patches_bytes, written=True),
            ),
            comments=(
                f"input: int8 {extents(image.shape)}, output: int8 {extents(site.outputs[0].shape)}",
                f"weights: int8 {extents(weights.shape)} (OHWI) by frequency, int16, two channels side by side",
                "records: per two channels four times the bias, multiplier, addend and shift of each",
                "shared: int16 rows padded with the zero point, then int32 sums per frequency",
                f"patches: {layout.tile_rows} x {layout.tiles} tiles by 16 frequencies by {geometry.channels} int16",
            ),
            units=tuple(units),
        )


def _shape_refusal(site: Site) -> str:
    operator, weights = conv2d_of(site), site.inputs[1]
    if weights.shape[1:3] != (3, 3) or operator.strides != (1, 1) or operator.dilation != (1, 1):
        return "not a 3x3 window with stride 1"
    _, height, width, _ = site.outputs[0].shape
    if height % 2 or width % 2:
        return f"{height}x{width} outputs do not divide into tiles of 2x2"
    if weights.shape[3] % 2 or weights.shape[3] > LARGEST_CHANNELS:
        return f"{weights.shape[3]} input channels; an even number up to {LARGEST_CHANNELS} is needed"
    return ""


def _value_refusal(site: Site) -> str:
    channels = conv_channels(site)
    if channels.refusal:
        return channels.refusal
    if not channels.active_ranges.within(ACCUMULATOR_LIMIT).all():
        return f"an accumulator reaches {ACCUMULATOR_LIMIT}"
    layout = _grouped(Geometry.of(conv2d_of(site), site.inputs, site.outputs[0]), 1)
    largest = _grouped(layout.geometry, layout.geometry.out_width // 2)
    return largest.patch_walk().refusal() or layout.result_walk(channels.rounding).refusal()


def _group_choices(site: Site) -> tuple[int, ...]:
    """Sizes of groups: the largest within the share of memory first, then all from large to small."""
    geometry = Geometry.of(conv2d_of(site), site.inputs, site.outputs[0])
    across, down = geometry.out_width // 2, geometry.out_height // 2
    parts = {-(-across // count) for count in (1, 2, 4, 8)}
    rows = {across * -(-down // count) for count in (1, 2, 4)}
    choices = sorted(parts | rows | {across * 2} if down > 1 else parts, reverse=True)
    fitting = [size for size in choices if _grouped(geometry, size).scratch_bytes <= _budget_bytes(site)]
    first = fitting[0] if fitting else choices[-1]
    return (first, *(size for size in choices if size != first))


def _budget_bytes(site: Site) -> float:
    return _SCRATCH_SHARE * (site.inputs[0].size_bytes + site.outputs[0].size_bytes)


def _layout(site: Site, schedule: Schedule) -> WinogradLayout:
    geometry = Geometry.of(conv2d_of(site), site.inputs, site.outputs[0])
    return _grouped(geometry, int(schedule.knob("tiles")))


def _grouped(geometry: Geometry, tiles: int) -> WinogradLayout:
    across = geometry.out_width // 2
    if tiles <= across:
        return WinogradLayout(geometry, 1, tiles)
    return WinogradLayout(geometry, tiles // across, across)
