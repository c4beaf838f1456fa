"""Convolutions in plain C for cores without DSP instructions: tiles of pixels by channels, sums in registers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from utvm.microkernels.assembly import supports
from utvm.microkernels.conv.sums import sums_unit
from utvm.model.operator_types import Conv2D
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

_PIXELS = (2, 4, 1)
_CHANNELS = (2, 4, 1)
_UNROLLS = (4, 8, 2, 1)
_ORDERS = ("channels", "pixels")
# Of the compilers' code for a Cortex-M7, roughly: per multiply-accumulate of a tile its loads and itself, per tap and
# per output the rest.
_LOAD, _MULTIPLY, _ROUND, _OUTPUT = 1.0, 1.0, 2.0, 40.0
# Where nothing multiplies and adds at once, that is another instruction.
_ADD_APART = {"rv32imac": 1.0}
_REQUANTIZE = {"double": "utvm_requantize", "single": "utvm_requantize_once"}
# Compilers for large computers vectorise the portable loops, and not these: only measuring may prefer them there.
_FACTORS = {"host": 8.0}
# Its multiplications are for hand-written code.
_SERVED_OTHERWISE = ("cortex-m0plus",)


class Conv2DTiles(Template):
    """Conv2D without groups or dilation, weights known."""

    name = "conv2d_tiles"

    def refusal(self, site: Site) -> str:
        """Other operators, unknown weights, groups, dilation, wide multipliers, cores that have faster templates."""
        operator = site.operator
        if not isinstance(operator, Conv2D):
            return "not a Conv2D"
        if supports(site.core) or site.core.mve or site.core.name in _SERVED_OTHERWISE:
            return f"{site.core.name} has faster ones"
        image, weights, bias = site.inputs
        if weights.data is None or bias.data is None:
            return "weights or bias are not constants"
        if weights.shape[3] != image.shape[3]:
            return "grouped channels"
        if operator.dilation != (1, 1):
            return f"dilated by {operator.dilation}"
        if operator.requantization.rounding not in _REQUANTIZE:
            return f"requantization rounds {operator.requantization.rounding}"
        reach = 128 * np.abs(weights.data.astype(np.int64)).sum(axis=(1, 2, 3)) + np.abs(_folded(site))
        return "" if (reach < 1 << 31).all() else "a sum could leave int32"

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """`pixels` and `channels` of a tile, taps to `unroll`, and which of both the outermost loop passes over."""
        del site
        return {"pixels": _PIXELS, "channels": _CHANNELS, "unroll": _UNROLLS, "outer": _ORDERS}

    def conflict(self, site: Site, schedule: Schedule) -> str:
        """Channels have to fill tiles, and pixels one."""
        channels, pixels = int(schedule.knob("channels")), int(schedule.knob("pixels"))
        if site.inputs[1].shape[0] % channels:
            return f"knob channels: {site.inputs[1].shape[0]} are no multiple of {channels}"
        width = site.outputs[0].shape[2]
        return f"knob pixels: {pixels} in rows of {width}" if pixels > width else ""

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """A padded copy of an image, where there is padding."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Conv2D)
        height, width = _padded(site)
        return height * width * site.inputs[0].shape[3] if operator.padding.any else 0

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By tiles and taps."""
        pixels, channels = int(schedule.knob("pixels")), int(schedule.knob("channels"))
        outputs = site.outputs[0].element_count
        taps = site.inputs[1].element_count // site.inputs[1].shape[0]
        per_tap = _LOAD * (pixels + channels) / (pixels * channels) + _MULTIPLY + _ADD_APART.get(site.core.name, 0.0)
        per_round = _ROUND / (int(schedule.knob("unroll")) * pixels * channels)
        spilled = max(0.0, pixels * channels + pixels + channels - 9.0) / (pixels * channels)
        cycles = outputs * (taps * (per_tap + per_round + spilled) + _OUTPUT)
        return cycles * _FACTORS.get(site.core.name, 1.0)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Rows of a window are contiguous in the image: a tile's taps are so many runs."""
        operator = site.operator
        assert isinstance(operator, Conv2D)
        image, weights, _ = site.inputs
        assert weights.data is not None
        channels, pixels = int(schedule.knob("channels")), int(schedule.knob("pixels"))
        unroll = int(schedule.knob("unroll"))
        out_width = site.outputs[0].shape[2]
        units = {size: sums_unit(size, channels, unroll) for size in {pixels, out_width % pixels} - {0}}
        groups = weights.shape[0] // channels
        packed = weights.data.reshape(groups, channels, -1).transpose(0, 2, 1)
        scales = operator.requantization
        count = weights.shape[0] if len(scales.multipliers) == 1 else 1
        constants = {
            "weights": np.ascontiguousarray(packed),
            "bias": _folded(site).astype(np.int32),
            "multipliers": np.array(scales.multipliers * count, dtype=np.int32),
            "shifts": np.array(scales.shifts * count, dtype=np.int32),
        }
        scratch_bytes = self.scratch_bytes(site, schedule)
        scratch = [KernelArgument("padded", "scratch", size_bytes=scratch_bytes, written=True)] if scratch_bytes else []
        return CKernel(
            stem="conv2d_tiles",
            body=_body(site, operator, {size: unit.name for size, unit in units.items()}, channels, schedule),
            types=(
                "const int8_t",
                *(f"const int{8 * data.itemsize}_t" for data in constants.values()),
                *("int8_t" for _ in scratch),
                "int8_t",
            ),
            arguments=(
                KernelArgument("input", "tensor", image.name),
                *(KernelArgument(name, "constant", data=data) for name, data in constants.items()),
                *scratch,
                KernelArgument("output", "tensor", site.outputs[0].name, written=True),
            ),
            comments=(f"tiles of {pixels} pixels by {channels} channels, {unroll} taps a round",),
            units=tuple(units.values()),
        )


def _folded(site: Site) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Biases with the input's zero point multiplied out."""
    operator, weights, bias = site.operator, site.inputs[1].data, site.inputs[2].data
    assert isinstance(operator, Conv2D) and weights is not None and bias is not None
    return np.asarray(
        bias.astype(np.int64) - operator.input_zero_point * weights.astype(np.int64).sum(axis=(1, 2, 3)), dtype=np.int64
    )


def _padded(site: Site) -> tuple[int, int]:
    """Height and width of the image with its padding."""
    operator, (_, height, width, _) = site.operator, site.inputs[0].shape
    assert isinstance(operator, Conv2D)
    padding = operator.padding
    return height + padding.top + padding.bottom, width + padding.left + padding.right


def _body(site: Site, operator: Conv2D, units: Mapping[int, str], channels: int, schedule: Schedule) -> str:
    batch, height, width, depth = site.inputs[0].shape
    _, out_height, out_width, outputs = site.outputs[0].shape
    _, rows, columns, _ = site.inputs[1].shape
    padding, (_, padded_width) = operator.padding, _padded(site)
    row = padded_width * depth
    source = "padded" if operator.padding.any else "input"
    lines = [f"for (int32_t image = 0; image < {batch}; ++image) {{"]
    if operator.padding.any:
        size = _padded(site)[0] * row
        lines += [
            f"for (int32_t i = 0; i < {size}; ++i) {{",
            f"    padded[i] = {operator.input_zero_point};",
            "}",
            f"for (int32_t y = 0; y < {height}; ++y) {{",
            f"    int8_t *to = padded + (y + {padding.top}) * {row} + {padding.left * depth};",
            f"    for (int32_t i = 0; i < {width * depth}; ++i) {{",
            f"        to[i] = input[y * {width * depth} + i];",
            "    }",
            "}",
        ]
    loops = {
        "channels": f"for (int32_t group = 0; group < {outputs // channels}; ++group) {{",
        "pixels": f"for (int32_t y = 0; y < {out_height}; ++y) {{",
    }
    first = str(schedule.knob("outer"))
    taps = rows * columns * depth
    lines += [loops.pop(first), *loops.values()]
    lines.append(f"const int8_t *x = {source} + y * {operator.strides[0] * row};")
    lines.append(f"int8_t *out = output + y * {out_width * outputs} + group * {channels};")
    pixels = int(schedule.knob("pixels"))
    sizes = [(pixels, out_width // pixels), (out_width % pixels, 1)]
    for size, count in sizes:
        if not size:
            continue
        run = columns * depth
        step = operator.strides[1] * depth
        call = f"{units[size]}(x, {step}, {row}, weights + group * {taps * channels}, {rows}, {run},"
        lines += [
            f"for (int32_t tile = 0; tile < {count}; ++tile) {{",
            f"int32_t sums[{size * channels}];",
            f"{call} bias + group * {channels}, sums);",
            f"for (int32_t pixel = 0; pixel < {size}; ++pixel) {{",
            f"for (int32_t channel = 0; channel < {channels}; ++channel) {{",
            f"const int32_t at = group * {channels} + channel;",
            f"const int32_t scaled = {_REQUANTIZE[operator.requantization.rounding]}("
            f"sums[pixel * {channels} + channel], multipliers[at], shifts[at]);",
            f"out[pixel * {outputs} + channel] = (int8_t)utvm_clamp(scaled + {operator.output_zero_point}, "
            f"{operator.clamp[0]}, {operator.clamp[1]});",
            "}",
            "}",
            f"x += {size * step};",
            f"out += {size * outputs};",
            "}",
        ]
    lines += ["}", "}", f"input += {height * width * depth};", f"output += {out_height * out_width * outputs};", "}"]
    return _indented(lines)


def _indented(lines: list[str]) -> str:
    depth, found = 0, []
    for line in lines:
        depth -= line.strip() == "}" and not line.startswith(" ")
        found.append("    " * depth + line)
        depth += line.endswith("{") and not line.startswith(" ")
    return "\n".join(found)
