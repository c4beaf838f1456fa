"""Fully connected layers and convolutions whose weights stay data, for cores with Thumb instructions only.

A convolution gathers the window of a pixel and takes it for the vector of a fully connected layer.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from utvm.microkernels.plain import gather_row
from utvm.microkernels.scaling import ScaleKind
from utvm.microkernels.weight_words import LARGEST_DEPTH, ROWS, TAPS, Stream, dot_rows, stream_of
from utvm.model.operator_types import Conv2D, FullyConnected
from utvm.operators import rule_of
from utvm.operators.kernel import CKernel, CodeUnit, KernelArgument
from utvm.operators.overlap import Overlap
from utvm.schedules.plain_scales import rows_of_weights, scales_of
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

THUMB_CORES = ("cortex-m0", "cortex-m0plus", "cortex-m3")
# Sums are made for so many channels at a time.
_MOST_CHANNELS = 64
# Modelled on the Cortex-M0+: cycles per tap of four rows, chunk, output, gathered byte, and block of channels.
_TAP_CYCLES = 16.5
_CHUNK_CYCLES = 40.0
_OUTPUT_CYCLES = 65.0
_BYTE_CYCLES = 9.0
_BLOCK_CYCLES = 200.0


class WeightWords(Template):
    """Constant weights without a zero point, and requantization that splits into 32-bit products."""

    name = "weights_in_words"

    def refusal(self, site: Site) -> str:
        """Other operators, unknown or asymmetric weights, grouped or dilated windows, scales, other cores."""
        operator = site.operator
        if not isinstance(operator, Conv2D | FullyConnected):
            return f"{type(operator).__name__} is neither fully connected nor a convolution"
        if site.core.name not in THUMB_CORES:
            return f"{site.core.name} has no code of this kind"
        image, weights, bias = site.inputs
        if weights.data is None or bias.data is None:
            return "weights and bias are not constants"
        if isinstance(operator, FullyConnected) and operator.weights_zero_point != 0:
            return f"the weights' zero point is {operator.weights_zero_point}, not 0"
        if isinstance(operator, Conv2D) and weights.shape[3] != image.shape[3]:
            return "channels are in groups"
        if isinstance(operator, Conv2D) and operator.dilation[1] != 1:
            return "a window's columns are apart"
        if _depth(site) > LARGEST_DEPTH:
            return f"{_depth(site)} taps, more than {LARGEST_DEPTH}"
        found = scales_of(site)
        return found if isinstance(found, str) else ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By taps, chunks and outputs; what a pixel of a convolution gathers."""
        del schedule
        streams, outputs = _streams(site), site.outputs[0].element_count
        pixels = outputs // len(rows_of_weights(site))
        each = sum(stream.taps * _TAP_CYCLES + stream.chunks * _CHUNK_CYCLES + _BLOCK_CYCLES for stream in streams)
        gathered = _depth(site) * _BYTE_CYCLES if _gathers(site) else 0.0
        return pixels * (each + gathered) + outputs * _OUTPUT_CYCLES

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """Sums, and the vector where it is gathered."""
        del schedule
        return 4 * _sums(site) + (_filled(_depth(site)) if _gathers(site) else 0)

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """What the rule says: a pixel's window is read until its last channel is done."""
        del schedule
        return rule_of(site.operator).overlap(site.operator, site.inputs, site.outputs)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Vectors one after another; per vector, channels in groups."""
        del schedule
        scales = scales_of(site)
        assert not isinstance(scales, str)
        kind = ScaleKind.of(scales)
        scaling, dot = kind.unit(), dot_rows()
        gathers = _gathers(site)
        calls = _block_calls(site, dot.name, scaling.name, kind.words)
        body = _convolution(site, calls) if isinstance(site.operator, Conv2D) else _vectors(site, calls)
        scratch = [KernelArgument("sums", "scratch", size_bytes=4 * _sums(site))]
        types = ["const int8_t", "int8_t", "const int32_t", "const int32_t", "int32_t"]
        if gathers:
            scratch.append(KernelArgument("vector", "scratch", size_bytes=_filled(_depth(site))))
            types.append("int8_t")
        return CKernel(
            stem="conv2d_words" if isinstance(site.operator, Conv2D) else "fully_connected_words",
            body=body,
            types=tuple(types),
            arguments=(
                KernelArgument("input", "tensor", site.inputs[0].name),
                KernelArgument("output", "tensor", site.outputs[0].name, written=True),
                KernelArgument("weights", "constant", data=np.concatenate([stream.words for stream in _streams(site)])),
                KernelArgument("scales", "constant", data=kind.table(scales)),
                *scratch,
            ),
            comments=(f"{len(scales)} outputs of {_depth(site)} taps, four at a time",),
            units=(dot, scaling, *([_gathering(site)] if gathers else [])),
        )


def _gathering(site: Site) -> CodeUnit:
    """For rows of windows, or whole vectors."""
    _, *window, channels = site.inputs[1].shape
    return gather_row(window[1] * channels if window else channels)


def _depth(site: Site) -> int:
    return int(rows_of_weights(site).shape[1])


def _filled(depth: int) -> int:
    return -(-depth // TAPS) * TAPS


def _sums(site: Site) -> int:
    return min(-(-len(rows_of_weights(site)) // ROWS) * ROWS, _MOST_CHANNELS)


def _gathers(site: Site) -> bool:
    """Whether vectors are not in the input as they are, aligned to words."""
    operator = site.operator
    if _depth(site) % TAPS:
        return True
    return isinstance(operator, Conv2D) and (site.inputs[1].shape[1:3] != (1, 1) or operator.padding.any)


@lru_cache(maxsize=64)
def _streams(site: Site) -> tuple[Stream, ...]:
    """One per block of channels."""
    rows = rows_of_weights(site)
    return tuple(stream_of(rows[first : first + _MOST_CHANNELS]) for first in range(0, len(rows), _MOST_CHANNELS))


def _block_calls(site: Site, dot: str, scaling: str, scale_words: int) -> list[str]:
    """All outputs of the vector `x`, which go to `y`."""
    operator = site.operator
    assert isinstance(operator, Conv2D | FullyConnected)
    low, high = operator.clamp
    lines: list[str] = []
    place, channels = 0, len(rows_of_weights(site))
    for block, stream in enumerate(_streams(site)):
        first = block * _MOST_CHANNELS
        count = min(_MOST_CHANNELS, channels - first)
        lines.append(f"{dot}(x, {_at('weights', place)}, sums, {-(-count // ROWS)});")
        table = _at("scales", first * scale_words)
        lines.append(f"{scaling}(sums, {_at('y', first)}, {count}, {table}, {high - low}, {low});")
        place += len(stream.words)
    return lines


def _at(name: str, place: int) -> str:
    return f"{name} + {place}" if place else name


def _vectors(site: Site, calls: list[str]) -> str:
    """Rows of a fully connected layer."""
    batch, depth = site.inputs[0].shape
    channels = site.outputs[0].shape[1]
    x = "vector" if _gathers(site) else _at_index("input", batch, depth)
    lines = [f"const int8_t *x = {x};", f"int8_t *y = {_at_index('output', batch, channels)};"]
    if _gathers(site):
        lines.append(
            f"{_gathering(site).name}(vector, {_at_index('input', batch, depth)}, 0, {depth}, {-depth % TAPS}, 0);"
        )
    return _loop("n", batch, [*lines, *calls])


def _at_index(name: str, count: int, step: int) -> str:
    return f"{name} + n * {step}" if count > 1 else name


def _loop(name: str, count: int, lines: list[str]) -> str:
    if count == 1:
        return "\n".join(lines)
    inside = "\n".join(f"    {line}" for text in lines for line in text.split("\n"))
    return f"for (int32_t {name} = 0; {name} < {count}; ++{name}) {{\n{inside}\n}}"


def _convolution(site: Site, calls: list[str]) -> str:
    """Pixels of all images; columns of the window outside the image are zero points, rows too."""
    operator = site.operator
    assert isinstance(operator, Conv2D)
    batch, height, width, channels = site.inputs[0].shape
    _, out_height, out_width, out_channels = site.outputs[0].shape
    window = site.inputs[1].shape[1:3]
    top, left = operator.padding.top, operator.padding.left
    row, column = f"y0 * {operator.strides[0]} - {top}", f"x0 * {operator.strides[1]} - {left}"
    image = f"input + n * {height * width * channels}" if batch > 1 else "input"
    pixel = f"n * {out_height} + y0" if batch > 1 else "y0"
    lines = [f"int8_t *y = output + (({pixel}) * {out_width} + x0) * {out_channels};"]
    if _gathers(site):
        size = window[1] * channels
        lines += [
            "const int8_t *x = vector;",
            f"const int32_t first = {column};",
            "const int32_t begin = utvm_max_int32(first, 0);",
            f"const int32_t before = utvm_min_int32(begin - first, {window[1]});",
            f"const int32_t inside = utvm_max_int32(utvm_min_int32({width} - begin, {window[1]} - before), 0);",
            f"for (int32_t i = 0; i < {window[0]}; ++i) {{",
            f"    const int32_t row = {row} + i * {operator.dilation[0]};",
            f"    const int32_t used = row >= 0 && row < {height} ? inside : 0;",
            f"    const int8_t *from = used > 0 ? {image} + (row * {width} + begin) * {channels} : input;",
            f"    {_gathering(site).name}(vector + i * {size}, from, before * {channels}, used * {channels},",
            f"        ({window[1]} - before - used) * {channels}, {operator.input_zero_point});",
            "}",
        ]
        rest = _filled(_depth(site)) - _depth(site)
        lines += [f"vector[{_depth(site) + index}] = 0;" for index in range(rest)]
    else:
        lines.append(f"const int8_t *x = {image} + (({row}) * {width} + {column}) * {channels};")
    return _loop("n", batch, [_named("y0", out_height, [_named("x0", out_width, [*lines, *calls])])])


def _named(name: str, count: int, lines: list[str]) -> str:
    return _loop(name, count, lines) if count > 1 else "\n".join([f"const int32_t {name} = 0;", *lines])
