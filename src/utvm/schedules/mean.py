"""Means over the pixels of each channel, sixteen channels at a time."""

from __future__ import annotations

from utvm.microkernels.assembly import supports
from utvm.microkernels.reduce import MOST_PIXELS, channel_sums_unit
from utvm.model.operator_types import Mean
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.operators.mean import merged_axes
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_CHANNELS_A_TIME = 16
_REQUANTIZE = {"double": "utvm_requantize", "single": "utvm_requantize_once"}
# Modelled on the Cortex-M7: cycles per element, per output, per group of channels, and per call.
_ELEMENT_CYCLES = 0.6
_OUTPUT_CYCLES = 25.0
_GROUP_CYCLES = 60.0
_CALL_CYCLES = 50.0


class MeanChannels(Template):
    """Axes that merge to [batches, pixels, channels] of which the pixels are summed; channels in multiples of four."""

    name = "mean_channels"

    def refusal(self, site: Site) -> str:
        """Other operators, axes, numbers of channels and ways to round, cores without DSP."""
        operator = site.operator
        if not isinstance(operator, Mean):
            return f"{type(operator).__name__} is not a mean"
        if not supports(site.core):
            return f"{site.core.name} has no DSP instructions that code is scheduled for"
        shape = site.inputs[0].shape
        extents, summed = merged_axes(shape, operator.axes)
        if len(extents) < 2 or summed != (len(extents) - 2,):
            return f"axes {operator.axes} of {shape} are not those before the last"
        if extents[-1] % 4:
            return f"{extents[-1]} channels are not a multiple of 4"
        if operator.requantization.rounding not in _REQUANTIZE:
            return f"rounds {operator.requantization.rounding}"
        return ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of elements and outputs."""
        del schedule
        outputs, channels = site.outputs[0].element_count, site.outputs[0].shape[-1]
        groups = outputs // channels * -(-channels // _CHANNELS_A_TIME)
        cycles = site.inputs[0].element_count * _ELEMENT_CYCLES + outputs * _OUTPUT_CYCLES
        return cycles + groups * _GROUP_CYCLES + _CALL_CYCLES

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Per group of channels the sums, then their requantization."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Mean)
        source, output = site.inputs[0], site.outputs[0]
        extents, _ = merged_axes(source.shape, operator.axes)
        batches = extents[0] if len(extents) == 3 else 1
        pixels, channels = extents[-2:]
        whole = channels - channels % _CHANNELS_A_TIME
        sizes = {size: begin for size, begin in ((_CHANNELS_A_TIME, 0), (channels - whole, whole)) if size}
        if not whole:
            del sizes[_CHANNELS_A_TIME]
        units = {size: channel_sums_unit(size // 4, site.core) for size in sizes}
        start = -operator.input_zero_point * pixels
        requantization = operator.requantization
        scaled = f"{_REQUANTIZE[requantization.rounding]}(sums[k], {requantization.multipliers[0]}, "
        scaled += f"{requantization.shifts[0]}) + {operator.output_zero_point}"
        lines = [f"for (int32_t n = 0; n < {batches}; ++n) {{"]
        for size, begin in sizes.items():
            end = whole if size == _CHANNELS_A_TIME else channels
            lines += [
                f"    for (int32_t c = {begin}; c < {end}; c += {size}) {{",
                f"        int32_t sums[{size}];",
                f"        for (int32_t k = 0; k < {size}; ++k) {{",
                f"            sums[k] = {start};",
                "        }",
                *(f"        {line}" for line in _sums(units[size].name, pixels, channels)),
                f"        for (int32_t k = 0; k < {size}; ++k) {{",
                f"            output[c + k] = (int8_t)utvm_clamp({scaled}, -128, 127);",
                "        }",
                "    }",
            ]
        lines += [f"    input += {pixels * channels};", f"    output += {channels};", "}"]
        return CKernel(
            stem="mean_channels",
            body="\n".join(lines),
            types=("const int8_t", "int8_t"),
            arguments=(
                KernelArgument("input", "tensor", source.name),
                KernelArgument("output", "tensor", output.name, written=True),
            ),
            comments=(f"{batches} image(s) of {pixels} pixels, {channels} channels",),
            units=tuple(units.values()),
        )


def _sums(unit: str, pixels: int, channels: int) -> list[str]:
    """All pixels, in parts whose sums the function can hold."""
    parts, rest = divmod(pixels, MOST_PIXELS)
    lines = []
    if parts:
        place = f"input + p * {MOST_PIXELS * channels} + c"
        lines += [f"for (int32_t p = 0; p < {parts}; ++p) {{"]
        lines += [f"    {unit}({place}, {channels}, {MOST_PIXELS}, sums);", "}"]
    if rest:
        begin = f"input + {parts * MOST_PIXELS * channels} + c" if parts else "input + c"
        lines.append(f"{unit}({begin}, {channels}, {rest}, sums);")
    return lines
