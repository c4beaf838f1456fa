"""Convolutions with stride 1 by Winograd's F(2x2, 3x3), exactly: 16 products for 36, weights 3.6 times as large.

Larger windows are blocks of up to 3x3: 49 products for the 100 of 5x5, weights 3.9 times as large.
A group of tiles at a time: its pixels are widened, its patches transformed, and for each pair of output channels the
products are summed and turned into outputs. More tiles in a group sweep the weights less often and need more memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from utvm.microkernels.conv.strips import FILL, QUAD_ORDER, widen_elements, widen_quads
from utvm.microkernels.conv_winograd import (
    LARGEST_WINDOW,
    SMALLEST_WINDOW,
    ProductWalk,
    Window,
    product_cycles,
    product_unit,
    result_cycles,
    result_unit,
    transform_cycles,
    transform_unit,
    transformed_weights,
    winograd_records,
)
from utvm.microkernels.conv_winograd.weights import ACCUMULATOR_LIMIT
from utvm.operators.kernel import CKernel, CodeUnit, KernelArgument
from utvm.operators.overlap import Overlap
from utvm.schedules.conv2d_channels import (
    conv2d_of,
    conv_channels,
    extents,
    output_limit,
    plain_conv2d_refusal,
    sweep_cycles,
)
from utvm.schedules.conv2d_layout import Geometry
from utvm.schedules.conv2d_winograd_layout import WinogradLayout, grouped
from utvm.schedules.conv2d_winograd_source import winograd_body
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

# By default scratch may be this share of the activations the kernel serves.
_SCRATCH_SHARE = 3 / 8
_ELEMENT_CYCLES = 0.8
_CALL_CYCLES = 30


class Conv2DWinograd(Template):
    """Conv2D with a window of 3x3 ... 7x7, stride 1, even output sizes and an even number of input channels."""

    name = "conv2d_winograd"
    memory_knobs = ("tiles",)

    def refusal(self, site: Site) -> str:
        """See Template."""
        return plain_conv2d_refusal(site) or _shape_refusal(site) or _value_refusal(site)

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """`tiles` in a group: part of a row of tiles, or whole rows."""
        return {"tiles": _group_choices(site)}

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """See Template."""
        return _layout(site, schedule).scratch_bytes

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """A group's pixels are widened before its outputs are written."""
        return _layout(site, schedule).overlap()

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """From the units' modelled cycles and the sweeps over weights in flash."""
        layout, channels = _layout(site, schedule), conv_channels(site)
        geometry, window, pairs = layout.geometry, layout.window, len(channels.pairs)
        tiles = geometry.out_height * geometry.out_width // 4
        per_tile = pairs * result_cycles(layout.result_walk(channels.rounding), site.core)
        per_tile += sum(transform_cycles(layout.patch_walk(), block, site.core) for block in window.blocks)
        sweep = sweep_cycles(4 * pairs * window.products * geometry.channels, site.core)
        total = tiles * per_tile
        for group in layout.groups:
            total += pairs * product_cycles(group.product_walk(), site.core, group.tile_pairs)
            total += group.strip_rows * group.strip_row_elements * _ELEMENT_CYCLES
            total += pairs * (len(window.runs) + group.tile_rows) * _CALL_CYCLES + sweep
        return geometry.batch * total

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """See Template."""
        operator, channels, core = conv2d_of(site), conv_channels(site), site.core
        layout = _layout(site, schedule)
        geometry = layout.geometry
        in_quads = geometry.channels % 4 == 0
        widen = widen_quads(core) if in_quads else widen_elements(core, 1)
        transforms = [transform_unit(layout.patch_walk(), block, core) for block in layout.window.blocks]
        products = [product_unit(layout.product_walk(), run, core) for run in layout.window.runs]
        results = result_unit(layout.result_walk(channels.rounding), core)
        units: list[CodeUnit] = [FILL, widen, *transforms, *products, results]
        limit = output_limit(operator, site.outputs[0], core)
        names = [unit.name for unit in transforms], [unit.name for unit in products]
        body = winograd_body(operator, layout, in_quads, widen.name, *names, results.name)
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
            body="\n".join([body, *limit.statements]),
            types=("const int8_t", "const int32_t", "const int32_t", "int8_t", "int32_t"),
            arguments=(
                KernelArgument("input", "tensor", tensor=image.name),
                KernelArgument("weights", "constant", data=transformed_weights(weights, channels.pairs)),
                KernelArgument("records", "constant", data=records),
                KernelArgument("output", "tensor", tensor=site.outputs[0].name, written=True),
                KernelArgument("workspace", "scratch", size_bytes=layout.scratch_bytes, written=True),
            ),
            comments=(
                f"input: int8 {extents(image.shape)}, output: int8 {extents(site.outputs[0].shape)}",
                f"weights: int8 {extents(weights.shape)} (OHWI) by frequency, int16, two channels side by side",
                "records: per two channels four times the bias, multiplier, addend and shift of each",
                f"workspace: {layout.tile_rows} x {layout.tiles} tiles by {layout.window.products} products by "
                f"{geometry.channels} int16; behind them int16 rows padded with the zero point, later int32 sums",
            ),
            units=(*units, *limit.units),
        )


def _shape_refusal(site: Site) -> str:
    operator, weights = conv2d_of(site), site.inputs[1]
    sides = range(SMALLEST_WINDOW, LARGEST_WINDOW + 1)
    plain = operator.strides == (1, 1) and operator.dilation == (1, 1)
    if not plain or any(taps not in sides for taps in weights.shape[1:3]):
        return "not a window of 3x3 ... 7x7 with stride 1"
    _, height, width, _ = site.outputs[0].shape
    if height % 2 or width % 2:
        return f"{height}x{width} outputs do not divide into tiles of 2x2"
    if weights.shape[3] % 2:
        return f"{weights.shape[3]} input channels; an even number is needed"
    return ProductWalk(weights.shape[3], Window(*weights.shape[1:3])).refusal()


def _value_refusal(site: Site) -> str:
    channels = conv_channels(site)
    if channels.refusal:
        return channels.refusal
    if not channels.active_ranges.within(ACCUMULATOR_LIMIT).all():
        return f"an accumulator reaches {ACCUMULATOR_LIMIT}"
    layout = grouped(Geometry.of(conv2d_of(site), site.inputs, site.outputs[0]), 1)
    largest = grouped(layout.geometry, layout.geometry.out_width // 2)
    return largest.patch_walk().refusal() or layout.result_walk(channels.rounding).refusal()


def _group_choices(site: Site) -> tuple[int, ...]:
    """Sizes of groups: the largest within the share of memory first, then all from large to small."""
    geometry = Geometry.of(conv2d_of(site), site.inputs, site.outputs[0])
    across, down = geometry.out_width // 2, geometry.out_height // 2
    parts = {-(-across // count) for count in (1, 2, 4, 8)}
    rows = {across * -(-down // count) for count in (1, 2, 4)}
    choices = sorted(parts | rows | {across * 2} if down > 1 else parts, reverse=True)
    fitting = [size for size in choices if grouped(geometry, size).scratch_bytes <= _budget_bytes(site)]
    first = fitting[0] if fitting else choices[-1]
    return (first, *(size for size in choices if size != first))


def _budget_bytes(site: Site) -> float:
    return _SCRATCH_SHARE * (site.inputs[0].size_bytes + site.outputs[0].size_bytes)


def _layout(site: Site, schedule: Schedule) -> WinogradLayout:
    geometry = Geometry.of(conv2d_of(site), site.inputs, site.outputs[0])
    return grouped(geometry, int(schedule.knob("tiles")))
