"""Convolutions over an int16 strip with packed int8 weights, for cores with DSP instructions.

Channel pairs outside, pixels inside: a pair's weights stay in the data cache while the strip's pixels pass. The strip
holds a group of rows, so that it stays small beside the activations.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from utvm.microkernels.conv import ConvTile, Rounding, pack_pairs, pairable, records, tile_cycles, tile_unit
from utvm.microkernels.conv.clamp import clamp_bytes
from utvm.microkernels.conv.strips import FILL, QUAD_ORDER, widen_elements, widen_quads
from utvm.model.tensor import Array
from utvm.operators.kernel import CKernel, CodeUnit, KernelArgument
from utvm.schedules.conv2d_channels import conv2d_of, conv_channels, extents, plain_conv2d_refusal, sweep_cycles
from utvm.schedules.conv2d_layout import Geometry, StripLayout, tile_sizes, unroll_choices, widest_tile
from utvm.schedules.conv2d_strip_source import strip_body
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

# A strip may be this share of the activations it serves, and never needs more than this many bytes.
_STRIP_SHARE = 4
_LARGEST_STRIP_BYTES = 6 * 1024
_LEAST_FLAT_PIXELS = 16

# Beside the tiles: per call of one, per element widened in order or in quads.
_CALL_CYCLES = 30
_ELEMENT_CYCLES = 1.25
_QUAD_ELEMENT_CYCLES = 0.7


class Conv2DStrip(Template):
    """Conv2D without groups or dilation along rows, weights known, gemmlowp's rounding."""

    name = "conv2d_strip"

    def refusal(self, site: Site) -> str:
        """See Template."""
        reason = plain_conv2d_refusal(site)
        if not reason and conv2d_of(site).dilation[1] != 1 and site.inputs[1].shape[2] > 1:
            reason = "dilated along rows"
        return reason or _tile_refusal(site)

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """`pixels` of a tile; `rows` of outputs per strip, or pixels of one flat row; words of taps to `unroll`."""
        return {
            "pixels": widest_tile(site.core),
            "rows": _strip_choices(site, _geometry(site)),
            "unroll": unroll_choices(site.core),
        }

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """From the tiles' modelled cycles, and the sweeps over weights in flash."""
        found, geometry = conv_channels(site), _geometry(site)
        layout, widest = _layout(geometry, schedule), int(schedule.knob("pixels"))
        row = layout.pixels if geometry.flat else geometry.out_width
        rows = -(-geometry.out_width // row) if geometry.flat else geometry.out_height
        tiles = sum(
            count * tile_cycles(layout.tile(size, found.rounding), site.core) + _CALL_CYCLES
            for size, count in tile_sizes(row, widest)
        )
        groups = rows if geometry.flat else -(-geometry.out_height // layout.rows)
        elements = (1 if geometry.flat else groups) * layout.strip_rows * geometry.image_columns * geometry.channels
        widening = elements * (_QUAD_ELEMENT_CYCLES if layout.in_quads else _ELEMENT_CYCLES * layout.copies)
        weight_bytes = 4 * len(found.pairs) * geometry.window[0] * layout.row_words
        sweeps = groups * sweep_cycles(weight_bytes, site.core)
        return geometry.batch * (rows * len(found.pairs) * tiles + widening + sweeps)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """See Template."""
        operator, found = conv2d_of(site), conv_channels(site)
        layout, widest = _layout(_geometry(site), schedule), int(schedule.knob("pixels"))
        tiles = _tiles(layout, widest, found.rounding)
        units = {size: tile_unit(tile, site.core) for size, tile in tiles.items()}
        widen = widen_quads(site.core) if layout.in_quads else widen_elements(site.core, layout.copies)
        clamp = clamp_bytes(site.core) if operator.clamp != (-128, 127) else None
        others: list[CodeUnit] = [widen, *([FILL] if operator.padding.any else []), *([clamp] if clamp else [])]
        packed = pack_pairs(_tap_rows(layout, found.weights), found.pairs)
        scaling = records(found.bias, operator.requantization, operator.output_zero_point, found.ranges, found.pairs)
        image, weights, _ = site.inputs
        return CKernel(
            stem="conv2d_strip",
            body=strip_body(operator, layout, {size: unit.name for size, unit in units.items()}, widen, clamp),
            types=("const int8_t", "const int32_t", "const int32_t", "int8_t", "int16_t"),
            arguments=(
                KernelArgument("input", "tensor", tensor=image.name),
                KernelArgument("weights", "constant", data=packed),
                KernelArgument("records", "constant", data=scaling),
                KernelArgument("output", "tensor", tensor=site.outputs[0].name, written=True),
                KernelArgument("strip", "scratch", size_bytes=layout.size_bytes(), written=True),
            ),
            comments=(
                f"input: int8 {extents(image.shape)}, output: int8 {extents(site.outputs[0].shape)}",
                f"weights: int8 {extents(weights.shape)} (OHWI), two channels interleaved per word of two taps",
                "records: per two channels their biases, multipliers, addends and shifts",
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
    layout = _sized(geometry, _strip_choices(site, geometry)[0], unroll_choices(site.core)[0])
    sizes = {size for widest in widest_tile(site.core) for size in _tiles(layout, widest, channels.rounding)}
    for size in sorted(sizes):
        if reason := layout.tile(size, channels.rounding).refusal():
            return reason
    taps = channels.weights.reshape(channels.weights.shape[0], -1)
    if not all(pairable(taps, channels.active_ranges, low, high) for low, high in channels.pairs):
        return "two channels' weights or accumulators are too large to share a word"
    return ""


def _geometry(site: Site) -> Geometry:
    return Geometry.of(conv2d_of(site), site.inputs, site.outputs[0])


def _tap_rows(layout: StripLayout, weights: Array) -> Array:
    """Weights [channels, taps] in the order in which tiles meet the strip's elements, rows filled up with zeros."""
    channels, rows = weights.shape[:2]
    taps = weights.reshape(channels, rows, -1)
    if layout.in_quads:
        taps = taps.reshape(channels, rows, -1, 4)[..., list(QUAD_ORDER)].reshape(channels, rows, -1)
    filled = np.zeros((channels, rows, 2 * layout.row_words), dtype=np.int8)
    filled[..., : taps.shape[2]] = taps
    return filled.reshape(channels, -1)


def _strip_choices(site: Site, geometry: Geometry) -> tuple[int, ...]:
    """Rows (or flat pixels) per strip: as many as its share of memory allows first, then fewer, then more."""
    budget = min(_LARGEST_STRIP_BYTES, (site.inputs[0].size_bytes + site.outputs[0].size_bytes) // _STRIP_SHARE)
    if geometry.flat:
        largest, least = geometry.out_width, min(_LEAST_FLAT_PIXELS, geometry.out_width)
    else:
        largest, least = geometry.out_height, 1
    best, unroll = least, unroll_choices(site.core)[0]
    while best < largest and _sized(geometry, best + 1, unroll).size_bytes() <= budget:
        best += 1
    # Groups of equal size rather than a small last one.
    best = -(-largest // -(-largest // best))
    if geometry.flat and best < largest:
        best = max(least, best // 4 * 4)
    halves = {-(-largest >> level) for level in range(largest.bit_length())}
    smaller = {size for size in (*halves, least) if least <= size < best}
    larger = {size for size in halves if size > best}
    return (best, *sorted(smaller, reverse=True), *sorted(larger))


def _sized(geometry: Geometry, size: int, unroll: int) -> StripLayout:
    if geometry.flat:
        return StripLayout(geometry, rows=1, pixels=size, unroll=unroll)
    return StripLayout(geometry, rows=size, pixels=geometry.out_width, unroll=unroll)


def _layout(geometry: Geometry, schedule: Schedule) -> StripLayout:
    return _sized(geometry, int(schedule.knob("rows")), int(schedule.knob("unroll")))


def _tiles(layout: StripLayout, widest: int, rounding: Rounding) -> dict[int, ConvTile]:
    """The tiles that some row needs, by size."""
    rows = [layout.pixels]
    if layout.geometry.flat:
        rows.append(layout.geometry.out_width % layout.pixels)
    sizes = {size for row in rows for size, _ in tile_sizes(row, widest)}
    return {size: layout.tile(size, rounding) for size in sorted(sizes, reverse=True)}
