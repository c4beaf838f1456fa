"""The C of a depthwise convolution with vector dot products: bands of outputs, blocks of channels."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.microkernels.mve.planes import CHANNELS
from utvm.model.operator_types import DepthwiseConv2D
from utvm.schedules.depthwise_mve_plan import VectorPlan
from utvm.schedules.template import Site


@dataclass(frozen=True)
class Functions:
    """Names of the microkernels. `fill` writes padding across."""

    spread: str
    fill: str
    window: str


def window_body(site: Site, plan: VectorPlan, functions: Functions) -> list[str]:
    """Statements: bands outside, or where all of them are read first, blocks outside."""
    batch = site.inputs[0].shape[0]
    image, result = ("input", "output") if batch == 1 else ("image", "result")
    reads, computes = _read(plan, functions, image), _compute(site, plan, functions, result)
    channels = site.inputs[0].shape[3]
    bands = f"for (int32_t band = 0; band < {plan.bands}; ++band)"
    blocks = f"for (int32_t block = 0; block < {-(-channels // CHANNELS)}; ++block)"
    block = _block(channels)
    if plan.whole:
        at = f"int8_t *at = planes + band * {plan.band_bytes};"
        reading = _loop(bands, [*_band(plan), at, *reads])
        computing = _loop(bands, [*_band(plan)[:1], at, *computes])
        lines = _loop(blocks, [*block, *reading, *computing])
    else:
        lines = _loop(bands, [*_band(plan), *_loop(blocks, [*block, "int8_t *at = planes;", *reads, *computes])])
    if batch == 1:
        return lines
    places = [
        f"const int8_t *image = input + n * {site.inputs[0].size_bytes // batch};",
        f"int8_t *result = output + n * {site.outputs[0].size_bytes // batch};",
    ]
    return _loop(f"for (int32_t n = 0; n < {batch}; ++n)", places + lines)


def _loop(head: str, lines: list[str]) -> list[str]:
    return [f"{head} {{", *(f"    {line}" for line in lines), "}"]


def _band(plan: VectorPlan) -> list[str]:
    """The band's first output across, and the image's positions that its records hold. The last may overlap another."""
    first = f"{plan.window.across} * band"
    if plan.outputs_across % plan.window.across:
        first = f"utvm_min_int32({first}, {plan.outputs_across - plan.window.across})"
    found = [f"const int32_t first = {first};", f"const int32_t top = first * {plan.stride_across} - {plan.before};"]
    if plan.padded_across:
        found.append("const int32_t from = utvm_max_int32(top, 0);")
        found.append(f"const int32_t to = utvm_min_int32(top + {plan.window.record}, {plan.extent_across});")
    return found


def _block(channels: int) -> list[str]:
    """The block's first channel. The last block begins earlier rather than be smaller: `done` of it are left out."""
    if channels <= CHANNELS or channels % CHANNELS == 0:
        return [f"const int32_t channel = {CHANNELS} * block;", "const int32_t done = 0;"]
    return [
        f"const int32_t channel = utvm_min_int32({CHANNELS} * block, {channels - CHANNELS});",
        f"const int32_t done = {CHANNELS} * block - channel;",
    ]


def _read(plan: VectorPlan, functions: Functions, image: str) -> list[str]:
    """Planes of eight channels from the image."""
    start = plan.before_along * plan.window.record
    record = plan.window.record
    if not plan.padded_across:
        return [f"{functions.spread}(at + {start}, {image} + top * {plan.image_row} + channel, {record});"]
    fill = functions.fill
    return [
        "if (from > top) {",
        f"    {fill}(at + {start}, zeros, from - top);",
        "}",
        f"{functions.spread}(at + {start} + (from - top), {image} + from * {plan.image_row} + channel, to - from);",
        f"if (to < top + {record}) {{",
        f"    {fill}(at + {start} + (to - top), zeros, top + {record} - to);",
        "}",
    ]


def _compute(site: Site, plan: VectorPlan, functions: Functions, result: str) -> list[str]:
    """Outputs from planes; those of one plane are neighbours."""
    operator = site.operator
    assert isinstance(operator, DepthwiseConv2D)
    multiplier, fields = operator.depth_multiplier, 3 + plan.window.scaling.left
    planes = f"{min(site.inputs[0].shape[3], CHANNELS)} - done"
    plane, each = ("done", planes) if multiplier == 1 else ("plane", str(multiplier))
    call = [
        f"const int32_t out = (channel + {plane}) * {multiplier};",
        f"{functions.window}(at + {plane} * {plan.window.plane_bytes},",
        f"    weights + 16 + out * {16 * plan.window.vectors}, scales + out * {fields},",
        f"    {result} + first * {plan.output_row} + out, {each});",
    ]
    if multiplier == 1:
        return call
    return _loop(f"for (int32_t plane = done; plane < {min(site.inputs[0].shape[3], CHANNELS)}; ++plane)", call)
