"""Pools over words of four channels, one output pixel at a time."""

from __future__ import annotations

from utvm.microkernels.assembly import supports
from utvm.microkernels.conv.clamp import clamp_bytes, clamp_operands
from utvm.microkernels.pool import MOST_TAPS, PoolWindow, pool_unit
from utvm.model.operator_types import Pool2D
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.operators.overlap import Overlap, windowed
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)
# Modelled on the Cortex-M7: cycles per tap of a channel, per output of an average, and per output pixel.
_TAP_CYCLES = 0.8
_OUTPUT_CYCLES = 14
_PIXEL_CYCLES = 50


class PoolWords(Template):
    """Channels in multiples of four; the part of the window inside the image is found per output pixel."""

    name = "pool_words"

    def refusal(self, site: Site) -> str:
        """Other operators, other numbers of channels, averages of more than 256 pixels, cores without DSP."""
        operator = site.operator
        if not isinstance(operator, Pool2D):
            return f"{type(operator).__name__} is not a pool"
        if not supports(site.core):
            return f"{site.core.name} has no DSP instructions that code is scheduled for"
        channels = site.inputs[0].shape[3]
        if channels % 4 or channels >= 1 << 20:
            return f"{channels} channels are not a multiple of 4 below 2**20"
        taps = operator.window[0] * operator.window[1]
        if operator.kind == "average" and taps > MOST_TAPS:
            return f"an average of {taps} pixels; sums hold {MOST_TAPS}"
        return ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of taps and outputs."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Pool2D)
        outputs = site.outputs[0].element_count
        pixels = outputs // site.outputs[0].shape[3]
        each = operator.window[0] * operator.window[1] * _TAP_CYCLES + _OUTPUT_CYCLES
        return outputs * each + pixels * _PIXEL_CYCLES

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """Output pixel by output pixel."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Pool2D)
        return windowed(site.inputs[0], site.outputs[0], operator.strides, operator.padding)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """A call per output pixel."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Pool2D)
        image, output = site.inputs[0], site.outputs[0]
        _, height, width, channels = image.shape
        unit = pool_unit(PoolWindow(operator.kind, channels, width * channels), site.core)
        units, body = [unit], pool_body(site, operator, unit.name)
        if operator.clamp != _FULL_RANGE:
            clamp = clamp_bytes(site.core)
            units.append(clamp)
            operands = ", ".join(f"{operand}U" for operand in clamp_operands(operator.clamp))
            body.append(f"{clamp.name}(output, {output.element_count}, {operands});")
        return CKernel(
            stem=f"{operator.kind}_pool2d_words",
            body="\n".join(body),
            types=("const int8_t", "int8_t"),
            arguments=(
                KernelArgument("input", "tensor", image.name),
                KernelArgument("output", "tensor", output.name, written=True),
            ),
            comments=(
                f"{height}x{width}x{channels}, window {operator.window}, strides {operator.strides}",
                "four channels in a word",
            ),
            units=tuple(units),
        )


def pool_body(site: Site, operator: Pool2D, unit: str) -> list[str]:
    """Loops over the output's pixels that call `unit(window, output, rows, columns)`."""
    batch, height, width, channels = site.inputs[0].shape
    _, out_height, out_width, _ = site.outputs[0].shape
    lines = [f"for (int32_t n = 0; n < {batch}; ++n) {{"]
    lines += [f"    {line}" for line in _range("y", out_height, 0, operator.padding.top, height, operator)]
    lines += [f"        {line}" for line in _range("x", out_width, 1, operator.padding.left, width, operator)]
    place = f"input + ((n * {height} + y0) * {width} + x0) * {channels}"
    target = f"output + ((n * {out_height} + y) * {out_width} + x) * {channels}"
    lines.append(f"            {unit}({place}, {target}, y1 - y0, x1 - x0);")
    return [*lines, "        }", "    }", "}"]


def _range(name: str, positions: int, axis: int, before: int, extent: int, operator: Pool2D) -> list[str]:
    """A loop over an axis of the output, and the part of the window inside the image."""
    window, stride = operator.window[axis], operator.strides[axis]
    origin = f"{name} * {stride}{f' - {before}' if before else ''}"
    first = f"utvm_max_int32({origin}, 0)" if before else origin
    inside = (positions - 1) * stride - before + window <= extent
    last = f"{origin} + {window}" if inside else f"utvm_min_int32({origin} + {window}, {extent})"
    return [
        f"for (int32_t {name} = 0; {name} < {positions}; ++{name}) {{",
        f"    const int32_t {name}0 = {first};",
        f"    const int32_t {name}1 = {last};",
    ]
