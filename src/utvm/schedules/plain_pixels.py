"""The pixels of a layer's output and where the window of each lies: in the image, or gathered beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utvm.microkernels.plain import gather_row
from utvm.model.operator_types import Conv2D, DepthwiseConv2D, FullyConnected, Padding
from utvm.operators.kernel import CodeUnit
from utvm.operators.overlap import Overlap, streamed
from utvm.schedules.template import Site

_DIRECT_DEPTHWISE_SHARE = 0.3


@dataclass(frozen=True)
class Pixels:
    """Output pixels in rows of an NHWC image; a fully connected layer's are a column of vectors.

    A gathered window is a vector of `vector_bytes`, a multiple of `unroll`. `depthwise` windows inside the image are
    not gathered.
    """

    stem: str
    batch: int
    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    out_channels: int
    window: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: Padding
    zero: int
    depthwise: bool
    unroll: int

    @staticmethod
    def of(site: Site, unroll: int = 1) -> Pixels:
        """Those of a site, for tiles of as many taps a round."""
        operator = site.operator
        if isinstance(operator, FullyConnected):
            rows, depth = site.inputs[0].shape
            units, one = site.outputs[0].shape[1], (1, 1)
            return Pixels("fully_connected", rows, 1, 1, depth, 1, 1, units, one, one, one, Padding(), 0, False, unroll)
        assert isinstance(operator, Conv2D | DepthwiseConv2D)
        depthwise = isinstance(operator, DepthwiseConv2D)
        batch, height, width, channels = site.inputs[0].shape
        _, out_height, out_width, out_channels = site.outputs[0].shape
        return Pixels(
            "depthwise_conv2d" if depthwise else "conv2d",
            batch,
            height,
            width,
            channels,
            out_height,
            out_width,
            out_channels,
            (site.inputs[1].shape[1], site.inputs[1].shape[2]),
            operator.strides,
            operator.dilation,
            operator.padding,
            operator.input_zero_point,
            depthwise,
            unroll,
        )

    @property
    def count(self) -> int:
        """Output pixels."""
        return self.batch * self.out_height * self.out_width

    @property
    def vector_bytes(self) -> int:
        """A gathered window, filled up to whole rounds of a tile."""
        return -(-self.window[0] * self.window[1] * self.channels // self.unroll) * self.unroll

    @property
    def flat(self) -> bool:
        """Whether the vectors of neighbouring pixels are neighbours in the input as they are."""
        plain = self.window == (1, 1) and self.strides == (1, 1) and not self.padding.any
        return plain and not self.depthwise and self.channels % self.unroll == 0

    @property
    def gathered_share(self) -> float:
        """Which part of the windows is gathered, roughly; 0 if none."""
        if self.flat:
            return 0.0
        if not self.depthwise:
            return 1.0
        return _DIRECT_DEPTHWISE_SHARE if self.padding.any or self.dilation[1] > 1 else 0.0

    @property
    def gathering(self) -> CodeUnit:
        """What gathers a run of the image, a row of a window or what of it is contiguous."""
        return gather_row(self.channels * (self.window[1] if self.dilation[1] == 1 else 1))

    def overlap(self, size: int) -> Overlap:
        """How far outputs may be written over the input, in tiles of `size` pixels of which the last may go back."""
        firsts = np.minimum(np.arange(0, self.count, size), self.count - size)
        ends = (firsts + size) * self.out_channels
        pixels = np.arange(self.count)
        row, x = np.divmod(pixels, self.out_width)
        n, y = np.divmod(row, self.out_height)
        top = np.clip(y * self.strides[0] - self.padding.top, 0, self.height)
        left = np.clip(x * self.strides[1] - self.padding.left, 0, self.width)
        begun = ((n * self.height + top) * self.width + left) * self.channels
        return streamed(ends.tolist(), [int(begun[first : first + size].min()) for first in firsts])

    def loop(self, size: int, finish: list[str]) -> str:
        """C over all tiles: `x`, `x_step` and `y` are set, then come the lines of `finish`."""
        last = self.count - size
        first = "p" if self.count % size == 0 else f"utvm_min_int32(p, {last})"
        lines = [f"for (int32_t p = 0; p < {self.count}; p += {size}) {{", f"    const int32_t first = {first};"]
        lines.append(f"    int8_t *y = output + first * {self.out_channels};")
        if self.flat:
            lines.append(f"    const int8_t *x = input + first * {self.channels};")
            lines.append(f"    const int32_t x_step = {self.channels};")
        elif self.depthwise:
            lines += [f"    {line}" for line in self._depthwise_window()]
        else:
            lines.append("    const int8_t *x = vectors;")
            lines.append(f"    const int32_t x_step = {self.vector_bytes};")
            lines.append(f"    for (int32_t i = 0; i < {size}; ++i) {{")
            lines += [f"        {line}" for line in self._position("first + i")]
            lines += [f"        {line}" for line in self._gather(f"vectors + i * {self.vector_bytes}")]
            lines.append("    }")
        return "\n".join([*lines, *(f"    {line}" for line in finish), "}"])

    def _position(self, pixel: str) -> list[str]:
        """The row and column of a pixel's window, and its image."""
        lines = [
            f"const int32_t row = ({pixel}) / {self.out_width};",
            f"const int32_t column = (({pixel}) - row * {self.out_width}) * {self.strides[1]} - {self.padding.left};",
        ]
        if self.batch == 1:
            return [
                *lines,
                f"const int32_t top = row * {self.strides[0]} - {self.padding.top};",
                "const int8_t *image = input;",
            ]
        return [
            *lines,
            f"const int32_t n = row / {self.out_height};",
            f"const int32_t top = (row - n * {self.out_height}) * {self.strides[0]} - {self.padding.top};",
            f"const int8_t *image = input + n * {self.height * self.width * self.channels};",
        ]

    def _gather(self, target: str) -> list[str]:
        """Copy a window, with zero points outside the image. Columns that are apart are copied one by one."""
        apart = self.dilation[1] > 1
        columns = 1 if apart else self.window[1]
        place = f"{target} + r * {self.window[1] * self.channels}"
        lines = [f"for (int32_t r = 0; r < {self.window[0]}; ++r) {{"]
        lines.append(f"    const int32_t from = top + r * {self.dilation[0]};")
        indent = "    "
        first = "column"
        if apart:
            lines.append(f"    for (int32_t c = 0; c < {self.window[1]}; ++c) {{")
            indent, place = "        ", f"{place} + c * {self.channels}"
            first = f"column + c * {self.dilation[1]}"
        lines += [
            f"{indent}const int32_t begin = utvm_max_int32({first}, 0);",
            f"{indent}const int32_t before = utvm_min_int32(begin - ({first}), {columns});",
            f"{indent}const int32_t room = utvm_min_int32({self.width} - begin, {columns} - before);",
            f"{indent}const int32_t used = from >= 0 && from < {self.height} && room > 0 ? room : 0;",
            f"{indent}const int32_t skipped = used > 0 ? (from * {self.width} + begin) * {self.channels} : 0;",
            f"{indent}{self.gathering.name}({place}, image + skipped, before * {self.channels},",
            f"{indent}    used * {self.channels}, ({columns} - before - used) * {self.channels}, {self.zero});",
        ]
        if apart:
            lines.append("    }")
        lines.append("}")
        taps = self.window[0] * self.window[1] * self.channels
        return lines + [f"({target})[{tap}] = 0;" for tap in range(taps, self.vector_bytes)]

    def _depthwise_window(self) -> list[str]:
        """Where the window of pixel `first` is."""
        lines = self._position("first")
        direct = f"image + (top * {self.width} + column) * {self.channels}"
        step = self.dilation[0] * self.width * self.channels
        if self.gathered_share == 0:
            return [*lines, f"const int8_t *x = {direct};", f"const int32_t x_step = {step};"]
        height = (self.window[0] - 1) * self.dilation[0] + 1
        gathered = self._gather("vectors")
        lines += ["const int8_t *x = vectors;"]
        if self.dilation[1] > 1 or height > self.height or self.window[1] > self.width:
            return [*lines, f"const int32_t x_step = {self.window[1] * self.channels};", *gathered]
        below, right = self.height - height, self.width - self.window[1]
        lines += [
            f"int32_t x_step = {self.window[1] * self.channels};",
            f"if (top >= 0 && top <= {below} && column >= 0 && column <= {right}) {{",
            f"    x = {direct};",
            f"    x_step = {step};",
            "} else {",
        ]
        return [*lines, *(f"    {line}" for line in gathered), "}"]
