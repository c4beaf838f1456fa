"""Convolutions with vector dot products, for cores with MVE (Helium): int8 all the way, no image is widened.

A window is a few contiguous runs of the image, which tiles read where they lie; an image with padding is first copied
to a strip, some rows at a time. Where runs are much shorter than a vector the windows are gathered side by side first.
Groups of four channels outside, pairs of pixels inside, so that a group's scales stay in registers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from utvm.microkernels.assembly import has_vectors
from utvm.microkernels.mve.limits import rounding_refusal
from utvm.microkernels.mve.packing import tile_scales, tile_weights
from utvm.microkernels.mve.rows import gather_cycles, gather_unit, limit_bytes, pad_row
from utvm.microkernels.mve.tile import tile_cycles, tile_unit
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import Conv2D
from utvm.model.tensor import Array
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.operators.overlap import Overlap
from utvm.schedules.conv2d_channels import extents
from utvm.schedules.conv2d_mve_layout import VectorLayout, layout_of
from utvm.schedules.conv2d_mve_source import conv_body
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)
_ROWS = (8, 4, 2, 1)
_FLAT_PIXELS = (128, 64, 32, 16)
# By default a strip is at most one part in so many of the activations it serves, or so small.
_SCRATCH_SHARE = 12
_SMALL_SCRATCH_BYTES = 1024
# Estimated cycles beside the tiles: per call of one, per group of channels in it; per copied vector, and per row.
_CALL_CYCLES = 60
_GROUP_CYCLES = 25
_COPY_CYCLES = 2
_ROW_CYCLES = 40
_LARGEST_STEP = 1 << 20


class Conv2DVectors(Template):
    """Conv2D without groups whose weights and biases are known."""

    name = "conv2d_mve"
    memory_knobs = ("gather", "rows")

    def refusal(self, site: Site) -> str:
        """See Template."""
        operator = site.operator
        if not isinstance(operator, Conv2D):
            return f"{type(operator).__name__} is not a Conv2D"
        if not has_vectors(site.core):
            return f"{site.core.name} has no MVE"
        image, weights, bias = site.inputs
        if weights.data is None or bias.data is None:
            return "weights or bias are not constants"
        if weights.shape[3] != image.shape[3]:
            return "grouped channels"
        layout = layout_of(site, gather=True, rows=1)
        if max(layout.geometry.width * layout.geometry.channels, 4 * layout.taps) * weights.shape[1] >= _LARGEST_STEP:
            return "rows are too long"
        if operator.requantization.rounding != "double":
            return f"requantization rounds {operator.requantization.rounding}"
        rows = weights.data.reshape(weights.shape[0], -1)
        return rounding_refusal(operator.requantization, operator.output_zero_point, rows, _folded(site))

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """`gather` windows before they are multiplied; `rows` of outputs, or pixels of a 1x1 window, at a time."""
        ways = [layout_of(site, gather, 1) for gather in (False, True)]
        possible = sorted((way for way in ways if not way.refusal()), key=lambda way: _cycles(way, site))
        geometry, gathers = possible[0].geometry, tuple(way.gather for way in possible)
        if geometry.flat:
            pixels = geometry.out_width
            return {"gather": (False, True), "rows": (pixels, *(count for count in _FLAT_PIXELS if count < pixels))}
        if not any(way.scratch_bytes for way in possible):
            return {"gather": gathers, "rows": (1,)}
        rows = [count for count in _ROWS if count <= geometry.out_height]
        wanted = max(_SMALL_SCRATCH_BYTES, (site.inputs[0].size_bytes + site.outputs[0].size_bytes) // _SCRATCH_SHARE)
        small = [count for count in rows if layout_of(site, gathers[0], count).scratch_bytes <= wanted]
        large = [count for count in reversed(rows) if count not in small]
        return {"gather": gathers, "rows": (*small, *large)}

    def conflict(self, site: Site, schedule: Schedule) -> str:
        """See Template."""
        layout, rows = _layout(site, schedule), schedule.knob("rows")
        most = layout.geometry.out_width if layout.geometry.flat else 1
        direct = not layout.scratch_bytes
        return f"knob rows: {rows} where nothing is copied, which is done at once" if direct and rows != most else ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """From the tiles' estimated cycles."""
        return _cycles(_layout(site, schedule), site)

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """See Template."""
        return _layout(site, schedule).scratch_bytes

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """See VectorLayout."""
        return _layout(site, schedule).overlap()

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """See Template."""
        operator, layout = _conv2d(site), _layout(site, schedule)
        image, weights, _ = site.inputs
        output = site.outputs[0]
        assert weights.data is not None
        tile = tile_unit(layout.tile, site.core)
        units = [tile]
        if layout.strip_bytes:
            units.append(pad_row(site.core))
        if layout.gather:
            units.append(pad_row(site.core) if layout.geometry.flat else gather_unit(layout.windows, site.core))
        body = conv_body(operator, layout, [unit.name for unit in units])
        if operator.clamp != _FULL_RANGE:
            limit = limit_bytes(site.core)
            units.append(limit)
            body.append(f"{limit.name}(output, {output.element_count}, {operator.clamp[0]}, {operator.clamp[1]});")
        scaling, width = layout.tile.scaling, layout.tile.width
        scratch = {"strip": layout.strip_bytes, "patches": layout.patches_bytes}
        used = {name: size for name, size in scratch.items() if size}
        return CKernel(
            stem="conv2d_mve",
            body="\n".join(body),
            types=("const int8_t", "const int8_t", "const int32_t", "int8_t", *("int8_t" for _ in used)),
            arguments=(
                KernelArgument("input", "tensor", tensor=image.name),
                KernelArgument("weights", "constant", data=tile_weights(_runs(layout, weights.data), width)),
                KernelArgument(
                    "scales",
                    "constant",
                    data=tile_scales(_folded(site), operator.requantization, scaling, width),
                ),
                KernelArgument("output", "tensor", tensor=output.name, written=True),
                *(KernelArgument(name, "scratch", size_bytes=size, written=True) for name, size in used.items()),
            ),
            comments=(
                f"input: int8 {extents(image.shape)}, output: int8 {extents(output.shape)}",
                f"weights: int8 {extents(weights.shape)} (OHWI), per group of channels sixteen taps of each at a time",
                "scales: per group of channels their biases, multipliers and shifts",
                *layout.comments,
            ),
            units=tuple(units),
        )


def _conv2d(site: Site) -> Conv2D:
    assert isinstance(site.operator, Conv2D)
    return site.operator


def _layout(site: Site, schedule: Schedule) -> VectorLayout:
    return layout_of(site, bool(schedule.knob("gather")), int(schedule.knob("rows")))


@lru_cache(maxsize=64)
def _folded(site: Site) -> Int64Array:
    """Biases with the input's zero point multiplied out, for inputs as they are stored."""
    weights, bias = site.inputs[1].data, site.inputs[2].data
    assert weights is not None and bias is not None
    sums = weights.astype(np.int64).sum(axis=(1, 2, 3))
    return np.asarray(bias.astype(np.int64) - _conv2d(site).input_zero_point * sums, dtype=np.int64)


def _runs(layout: VectorLayout, weights: Array) -> Array:
    """Weights [channels, runs, taps] for the tile."""
    return weights.reshape(weights.shape[0], layout.tile.runs, layout.tile.taps)


def _cycles(layout: VectorLayout, site: Site) -> float:
    geometry = layout.geometry
    groups = -(-geometry.out_channels // layout.tile.width)
    rows, pixels = geometry.batch * geometry.out_height, geometry.batch * geometry.out_height * geometry.out_width
    passes = len(layout.passes) if geometry.flat else geometry.batch * -(-geometry.out_height // layout.rows)
    calls = passes if layout.gather or geometry.flat else rows
    pairs = rows * -(-geometry.out_width // layout.tile.pixels)
    total = groups * (pairs * tile_cycles(layout.tile, site.core) + calls * _GROUP_CYCLES) + calls * _CALL_CYCLES
    if layout.strip_bytes:
        total += passes * layout.strip_rows * (_ROW_CYCLES + _COPY_CYCLES * -(-layout.row_bytes // 16))
    if layout.gather and geometry.flat:
        total += passes * _ROW_CYCLES + _COPY_CYCLES * pixels * geometry.channels / 16
    elif layout.gather:
        total += pixels * gather_cycles(layout.windows, site.core)
    return total
