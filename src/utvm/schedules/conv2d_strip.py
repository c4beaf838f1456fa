"""Convolutions over an int16 strip with packed int8 weights, for cores with DSP instructions.

Channel pairs outside, pixels inside: a pair's weights stay in the data cache while the strip's pixels pass. The strip
holds a group of rows, so that it stays small beside the activations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np

from utvm.microkernels.conv import ConvTile, tile_cycles, tile_unit
from utvm.microkernels.conv.records import RECORD_WORDS
from utvm.microkernels.conv.strips import FILL, QUAD_ORDER, widen_elements, widen_quads
from utvm.model.tensor import Array
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.operators.overlap import Overlap
from utvm.schedules.conv2d_channels import (
    conv2d_of,
    conv_channels,
    extents,
    output_limit,
    packed_pairs,
    plain_conv2d_refusal,
    sweep_cycles,
    wide_weights,
)
from utvm.schedules.conv2d_layout import Geometry, StripLayout, is_dilated_row, tile_sizes, unroll_choices, widest_tile
from utvm.schedules.conv2d_strip_source import strip_body
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

# By default a strip is at most one part in so many of the activations it serves, within these limits in bytes.
_STRIP_SHARE = 4
_SMALLEST_STRIP_BYTES = 3584
_LARGEST_STRIP_BYTES = 16 * 1024
_LEAST_FLAT_PIXELS = 4
_LARGEST_TILE = 4

# Beside the tiles: per call of one, per element widened in order or in quads.
_CALL_CYCLES = 30
_ELEMENT_CYCLES = 1.25
_QUAD_ELEMENT_CYCLES = 0.7


class Conv2DStrip(Template):
    """Conv2D without groups or dilation along rows, weights known, gemmlowp's rounding."""

    name = "conv2d_strip"
    memory_knobs = ("rows",)

    def refusal(self, site: Site) -> str:
        """See Template."""
        reason = plain_conv2d_refusal(site)
        dilated = not reason and conv2d_of(site).dilation[1] != 1 and site.inputs[1].shape[2] > 1
        if dilated and not is_dilated_row(conv2d_of(site), site.inputs):
            reason = "dilated along rows"
        return reason or _tile_refusal(site)

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """`pixels` of a tile; `rows` of outputs per strip, or pixels of one flat row; words of taps to `unroll`.

        `stacked`: a tile's pixels are one below the other rather than side by side.
        """
        geometry = _geometry(site)
        return {
            "pixels": widest_tile(site.core),
            "rows": _strip_choices(site),
            "unroll": unroll_choices(site.core),
            "stacked": _stacking_choices(site, geometry),
        }

    def conflict(self, site: Site, schedule: Schedule) -> str:
        """See Template: stacked tiles may put pixels beyond a load's reach."""
        layout = _layout(site, schedule)
        sizes = layout.tiles(int(schedule.knob("pixels")))
        reasons = (_tile(site, layout, size).refusal() for size in sizes)
        return next((f"knobs pixels and stacked: {reason}" for reason in reasons if reason), "")

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """See Template."""
        return _layout(site, schedule).size_bytes()

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """A group's rows are widened before its outputs are written."""
        return _layout(site, schedule).overlap()

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """From the tiles' modelled cycles, and the sweeps over weights in flash."""
        found, layout = conv_channels(site), _layout(site, schedule)
        geometry, widest = layout.geometry, int(schedule.knob("pixels"))
        pairs = len(found.pairs)
        groups = -(-geometry.out_width // layout.pixels) if geometry.flat else -(-geometry.out_height // layout.rows)
        if layout.stacked:
            calls = [(size, geometry.out_width, count) for size, count in tile_sizes(layout.rows, widest)]
        else:
            calls = [(size, count, layout.rows) for size, count in tile_sizes(layout.pixels, widest)]
        per_group = sum(
            times * (count * tile_cycles(_tile(site, layout, size), site.core) + _CALL_CYCLES)
            for size, count, times in calls
        )
        # The last group may be a small one.
        covered = layout.pixels if geometry.flat else layout.rows
        share = (geometry.out_width if geometry.flat else geometry.out_height) / (groups * covered)
        columns = share * layout.pixels if geometry.flat else geometry.image_columns
        elements = layout.strip_rows * columns * geometry.channels
        widening = elements * (_QUAD_ELEMENT_CYCLES if layout.in_quads else _ELEMENT_CYCLES * layout.copies)
        words = geometry.window[0] * layout.row_words * (2 if wide_weights(site) else 1) + RECORD_WORDS
        sweeps = sweep_cycles(4 * pairs * words, site.core)
        return geometry.batch * groups * (share * pairs * per_group + widening + sweeps)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """See Template."""
        operator = conv2d_of(site)
        layout, sizes = _layout(site, schedule), _layout(site, schedule).tiles(int(schedule.knob("pixels")))
        units = {size: tile_unit(_tile(site, layout, size), site.core) for size in sizes}
        widen = widen_quads(site.core) if layout.in_quads else widen_elements(site.core, layout.copies)
        limit = output_limit(operator, site.outputs[0], site.core)
        others = [widen, *([FILL] if operator.padding.any else []), *limit.units]
        body = strip_body(
            operator, layout, {size: unit.name for size, unit in units.items()}, widen, wide_weights(site)
        )
        words = "int16 words" if wide_weights(site) else "words"
        packed = packed_pairs(site, _tap_rows(layout, conv_channels(site).weights))
        image, weights, _ = site.inputs
        return CKernel(
            stem="conv2d_strip",
            body="\n".join([body, *limit.statements]),
            types=("const int8_t", "const int32_t", "int8_t", "int16_t"),
            arguments=(
                KernelArgument("input", "tensor", tensor=image.name),
                KernelArgument("weights", "constant", data=packed),
                KernelArgument("output", "tensor", tensor=site.outputs[0].name, written=True),
                KernelArgument("strip", "scratch", size_bytes=layout.size_bytes(), written=True),
            ),
            comments=(
                f"input: int8 {extents(image.shape)}, output: int8 {extents(site.outputs[0].shape)}",
                f"weights: int8 {extents(weights.shape)} (OHWI), two channels interleaved by {words} of two taps,",
                "behind a record of their biases, multipliers, addends and shifts",
                f"strip: {layout.strip_rows} rows of {layout.row_elements} int16, padded with the zero point",
            ),
            units=(*units.values(), *others),
        )


@lru_cache(maxsize=8)
def _tile_refusal(site: Site) -> str:
    """Why the channels or distances do not fit a tile."""
    channels, geometry = conv_channels(site), _geometry(site)
    if channels.refusal:
        return channels.refusal
    layout = _sized(geometry, _strip_choices(site)[0], unroll_choices(site.core)[0])
    if reason := _distance_refusal(layout, site):
        return reason
    return "" if channels.active_ranges.doubled().all() else "an accumulator could leave int32 when it is doubled"


def _tile(site: Site, layout: StripLayout, pixels: int) -> ConvTile:
    channels = conv_channels(site)
    return layout.tile(pixels, channels.rounding, channels.shift, wide_weights(site))


def _distance_refusal(layout: StripLayout, site: Site) -> str:
    sizes = {size for widest in widest_tile(site.core) for size in layout.tiles(widest)}
    return next((reason for size in sorted(sizes) if (reason := _tile(site, layout, size).refusal())), "")


def _stacking_choices(site: Site, geometry: Geometry) -> tuple[bool, ...]:
    """Side by side first, except where rows are so short that single pixels are left over more often than below."""
    widest = widest_tile(site.core)[0]
    layout = replace(_sized(geometry, _strip_choices(site)[0], unroll_choices(site.core)[0]), stacked=True)
    if geometry.flat or layout.copies > 1 or geometry.out_height < 2 or _distance_refusal(layout, site):
        return (False,)
    left_over = geometry.out_width % widest / geometry.out_width, layout.rows % widest / layout.rows
    return (True, False) if left_over[1] < left_over[0] else (False, True)


def _geometry(site: Site) -> Geometry:
    return Geometry.of(conv2d_of(site), site.inputs, site.outputs[0])


def _tap_rows(layout: StripLayout, weights: Array) -> Array:
    """Weights [channels, taps] in the order in which tiles meet the strip's elements, rows filled up with zeros."""
    channels, rows = weights.shape[0], layout.geometry.window[0]
    taps = weights.reshape(channels, rows, -1)
    if layout.in_quads:
        taps = taps.reshape(channels, rows, -1, 4)[..., list(QUAD_ORDER)].reshape(channels, rows, -1)
    filled = np.zeros((channels, rows, 2 * layout.row_words), dtype=np.int8)
    filled[..., : taps.shape[2]] = taps
    return filled.reshape(channels, -1)


@lru_cache(maxsize=8)
def _strip_choices(site: Site) -> tuple[int, ...]:
    """Rows (or flat pixels) per strip: as many as its share of memory allows first, then fewer, then more."""
    geometry = _geometry(site)
    share = (site.inputs[0].size_bytes + site.outputs[0].size_bytes) // _STRIP_SHARE
    budget = min(max(share, _SMALLEST_STRIP_BYTES), _LARGEST_STRIP_BYTES)
    if geometry.flat:
        largest, least = geometry.out_width, min(_LEAST_FLAT_PIXELS, geometry.out_width)
    else:
        largest, least = geometry.out_height, 1
    best, unroll = least, unroll_choices(site.core)[0]
    while best < largest and _sized(geometry, best + 1, unroll).size_bytes() <= budget:
        best += 1
    # Groups of equal size rather than a small last one, of whole tiles.
    even = -(-largest // -(-largest // best))
    whole = -(-even // _LARGEST_TILE) * _LARGEST_TILE
    best = whole if geometry.flat and whole <= best else even
    halves = {-(-largest >> level) for level in range(largest.bit_length())}
    smaller = {size for size in (*halves, least) if least <= size < best}
    larger = {size for size in halves if size > best}
    return (best, *sorted(smaller, reverse=True), *sorted(larger))


def _sized(geometry: Geometry, size: int, unroll: int) -> StripLayout:
    if geometry.flat:
        return StripLayout(geometry, rows=1, pixels=size, unroll=unroll)
    return StripLayout(geometry, rows=size, pixels=geometry.out_width, unroll=unroll)


def _layout(site: Site, schedule: Schedule) -> StripLayout:
    layout = _sized(_geometry(site), int(schedule.knob("rows")), int(schedule.knob("unroll")))
    return replace(layout, stacked=bool(schedule.knob("stacked")))
