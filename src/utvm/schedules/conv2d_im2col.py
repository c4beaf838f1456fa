"""Convolutions by partial im2col, for cores with DSP instructions: a few pixels' patches, widened and gathered.

Every tap of a patch is copied, so windows may be dilated, and channels grouped, as they like. What the strip template
takes, it mostly computes faster: it widens an element once for all the windows that it is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from utvm.microkernels.conv import ConvTile, tile_cycles, tile_unit
from utvm.microkernels.conv.records import RECORD_WORDS
from utvm.microkernels.conv.strips import FILL, widen_elements, widen_quads
from utvm.model.operator_types import DepthwiseConv2D
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.operators.overlap import Overlap, streamed, window_begins
from utvm.schedules.conv2d_channels import (
    conv2d_of,
    conv_channels,
    extents,
    grouped_conv2d_refusal,
    output_limit,
    packed_pairs,
    sweep_cycles,
    wide_weights,
)
from utvm.schedules.conv2d_grouped import grouped_site
from utvm.schedules.conv2d_im2col_layout import PatchLayout
from utvm.schedules.conv2d_im2col_source import PatchSource
from utvm.schedules.conv2d_layout import tile_sizes, unroll_choices, widest_tile
from utvm.schedules.conv2d_tile_calls import TileCalls
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

# By default patches take at most one part in so many of the activations they serve, within these limits in bytes.
_SHARE = 4
_SMALLEST_BYTES = 3584
_LARGEST_BYTES = 16 * 1024
_FEWEST_PIXELS = 4
# Depthwise windows up to this size, undilated, are left to planes.
_PLANES_WINDOW = 7

# Beside the tiles: per call of one; per run of contiguous taps, and per element of it, in quads or in order.
_CALL_CYCLES = 30
_RUN_CYCLES = {"cortex-m7": 26, "cortex-m4": 60, "cortex-m33": 50}
_QUAD_ELEMENT_CYCLES = 0.7
_ELEMENT_CYCLES = {"cortex-m7": 1.25, "cortex-m4": 2.5, "cortex-m33": 2.5}


class Conv2DIm2col(Template):
    """Conv2D and dilated or large DepthwiseConv2D, any groups, weights known, gemmlowp's rounding."""

    name = "conv2d_im2col"
    memory_knobs = ("pixels",)

    def refusal(self, site: Site) -> str:
        """See Template."""
        plain = grouped_site(site)
        reason = _depthwise_refusal(site) or grouped_conv2d_refusal(plain)
        return reason or _shape_refusal(plain) or _tile_refusal(plain)

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """`pixels` whose patches are gathered at a time; pixels of a `tile`; words of taps to `unroll`."""
        plain = grouped_site(site)
        return {"pixels": _pixel_choices(plain), "tile": _tile_choices(plain), "unroll": unroll_choices(site.core)}

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """See Template."""
        return _layout(grouped_site(site), schedule).size_bytes()

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """A batch's patches are gathered before its outputs are written."""
        operator, (output,) = conv2d_of(grouped_site(site)), site.outputs
        begins = window_begins(site.inputs[0], output, operator.strides, operator.padding)
        firsts = np.arange(0, len(begins), int(schedule.knob("pixels")))
        ends = np.append(firsts[1:], len(begins)) * output.shape[3]
        return streamed(ends.tolist(), np.minimum.reduceat(begins, firsts).tolist())

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """From the tiles' modelled cycles, the runs that patches are gathered from, and the sweeps over weights."""
        plain = grouped_site(site)
        layout, pairs = _layout(plain, schedule), len(conv_channels(plain).pairs)
        batches = layout.outputs / layout.pixels
        calls = tile_sizes(layout.pixels, int(schedule.knob("tile")))
        tiles = sum(count * tile_cycles(_tile(plain, layout, size), site.core) + _CALL_CYCLES for size, count in calls)
        runs = layout.taps if conv2d_of(plain).dilation[1] > 1 else layout.window[0]
        per_element = _QUAD_ELEMENT_CYCLES if layout.in_quads else _ELEMENT_CYCLES[site.core.name]
        gathering = runs * _RUN_CYCLES[site.core.name] + layout.taps * layout.channels * per_element
        words = layout.rows * layout.row_words * (2 if wide_weights(plain) else 1) + RECORD_WORDS
        sweeps = -(-layout.outputs // layout.pixels) * sweep_cycles(4 * pairs * words, site.core)
        return batches * pairs * tiles + layout.outputs * gathering + sweeps

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """See Template."""
        plain = grouped_site(site)
        operator, layout = conv2d_of(plain), _layout(plain, schedule)
        sizes = layout.tiles(int(schedule.knob("tile")))
        units = {size: tile_unit(_tile(plain, layout, size), site.core) for size in sizes}
        widen = widen_quads(site.core) if layout.in_quads else widen_elements(site.core, 1)
        limit = output_limit(operator, site.outputs[0], site.core)
        calls = TileCalls({size: unit.name for size, unit in units.items()}, layout.patch_elements, layout.out_channels)
        image, output = site.inputs[0], site.outputs[0]
        wide = wide_weights(plain)
        source = PatchSource(operator, layout, image.shape, (output.shape[1], output.shape[2]), calls, widen.name, wide)
        packed = packed_pairs(plain, layout.tap_rows(conv_channels(plain).weights))
        return CKernel(
            stem=self.name,
            body="\n".join([source.body(), *limit.statements]),
            types=("const int8_t", "const int32_t", "int8_t", "int16_t"),
            arguments=(
                KernelArgument("input", "tensor", tensor=image.name),
                KernelArgument("weights", "constant", data=packed),
                KernelArgument("output", "tensor", tensor=output.name, written=True),
                KernelArgument("patches", "scratch", size_bytes=layout.size_bytes(), written=True),
            ),
            comments=(
                f"input: int8 {extents(image.shape)}, output: int8 {extents(output.shape)}",
                f"weights: int8 {extents(plain.inputs[1].shape)} (OHWI), two channels interleaved by "
                f"{'int16 words' if wide else 'words'} of two taps,",
                "behind a record of their biases, multipliers, addends and shifts",
                f"patches: int16, of {layout.pixels} pixels, {layout.taps} taps of {layout.channels} channels each",
            ),
            units=(*units.values(), widen, *([FILL] if operator.padding.any else []), *limit.units),
        )


def _depthwise_refusal(site: Site) -> str:
    """Depthwise windows that need no gathering, or are not known."""
    if not isinstance(site.operator, DepthwiseConv2D):
        return ""
    rows, columns = site.inputs[1].shape[1:3]
    if site.operator.dilation == (1, 1) and max(rows, columns) <= _PLANES_WINDOW:
        return f"a depthwise window of {rows}x{columns} without dilation, which planes widen once"
    return "" if site.inputs[1].data is not None else "weights are not constants"


def _shape_refusal(site: Site) -> str:
    operator, weights = conv2d_of(site), site.inputs[1]
    alone = weights.shape[1:3] == (1, 1) and operator.strides == (1, 1) and not operator.padding.any
    single = weights.shape[3] == site.inputs[0].shape[3]
    return "a pixel is its own patch: conv2d_strip widens many at once" if alone and single else ""


@lru_cache(maxsize=8)
def _tile_refusal(site: Site) -> str:
    """Why the channels or distances do not fit a tile."""
    channels = conv_channels(site)
    if channels.refusal:
        return channels.refusal
    if not channels.active_ranges.doubled().all():
        return "an accumulator could leave int32 when it is doubled"
    return "" if _tile_choices(site) else _size_refusal(site, 2)


@lru_cache(maxsize=8)
def _tile_choices(site: Site) -> tuple[int, ...]:
    """The sizes whose pixels are not too far apart, in order of promise."""
    return tuple(size for size in widest_tile(site.core) if not _size_refusal(site, size))


def _size_refusal(site: Site, widest: int) -> str:
    layout = _sized(site, widest, unroll_choices(site.core)[0])
    return next(
        (reason for size in (4, 2, 1) if size <= widest and (reason := _tile(site, layout, size).refusal())), ""
    )


@lru_cache(maxsize=8)
def _pixel_choices(site: Site) -> tuple[int, ...]:
    """As many as their share of memory allows first, in equal batches of whole tiles; then fewer; then more."""
    layout = _sized(site, 1, unroll_choices(site.core)[0])
    share = (site.inputs[0].size_bytes + site.outputs[0].size_bytes) // _SHARE
    budget = min(max(share, _SMALLEST_BYTES), _LARGEST_BYTES)
    most = layout.outputs
    if most <= _FEWEST_PIXELS:
        return (most,)
    fitting = max(budget // (2 * layout.patch_elements), _FEWEST_PIXELS)
    best = _whole_tiles(-(-most // -(-most // fitting)))
    best = min(best if best <= fitting else best - _FEWEST_PIXELS, most)
    smaller = {_whole_tiles(best >> level) for level in range(1, best.bit_length())}
    return (
        best,
        *sorted((size for size in smaller if size < best), reverse=True),
        *([min(2 * best, most)] if best < most else []),
    )


def _whole_tiles(pixels: int) -> int:
    return max(-(-pixels // _FEWEST_PIXELS), 1) * _FEWEST_PIXELS


def _tile(site: Site, layout: PatchLayout, pixels: int) -> ConvTile:
    channels = conv_channels(site)
    return layout.tile(pixels, channels.rounding, channels.shift, wide_weights(site))


def _sized(site: Site, pixels: int, unroll: int) -> PatchLayout:
    return PatchLayout.of(site.inputs[0], site.inputs[1], site.outputs[0], pixels, unroll)


def _layout(site: Site, schedule: Schedule) -> PatchLayout:
    return _sized(site, int(schedule.knob("pixels")), int(schedule.knob("unroll")))
