"""The C around tiles on patches: gathering the patches of a batch of pixels, walking over groups and channel pairs."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.microkernels.conv.records import RECORD_WORDS
from utvm.microkernels.conv.strips import FILL
from utvm.model.operator_types import Conv2D
from utvm.schedules.conv2d_channels import low_channel
from utvm.schedules.conv2d_im2col_layout import PatchLayout
from utvm.schedules.conv2d_tile_calls import INDENT, TileCalls, block


@dataclass(frozen=True)
class PatchSource:
    """Writes a kernel's statements. `image` is NHWC, `out_size` rows and columns; weights are int16 if `wide`."""

    operator: Conv2D
    layout: PatchLayout
    image: tuple[int, ...]
    out_size: tuple[int, int]
    calls: TileCalls
    widen: str
    wide: bool

    def body(self) -> str:
        """All statements. The parameters are `input`, `weights`, `output` and `patches`."""
        layout, padding = self.layout, self.operator.padding
        pixels, batch = str(layout.pixels), []
        if layout.outputs % layout.pixels:
            pixels, last = "pixels", layout.outputs - layout.pixels
            batch.append(f"const int32_t pixels = first <= {last} ? {layout.pixels} : {layout.outputs} - first;")
        one = [*self._rows(), f"patch += {layout.patch_elements};", *self._next_pixel()]
        batch += ["int16_t *patch = patches;", *block(f"for (int32_t pixel = 0; pixel < {pixels}; ++pixel)", one)]
        batch += self._products(pixels)
        lines = [
            "const int8_t *image = input;",
            f"int32_t y = {-padding.top};",
            f"int32_t x = {-padding.left};",
            *block(f"for (int32_t first = 0; first < {layout.outputs}; first += {layout.pixels})", batch),
        ]
        return "\n".join(lines)

    def _rows(self) -> list[str]:
        """The window of the pixel whose window begins at (y, x), row by row."""
        _, height, width, channels = self.image
        padding, run = self.operator.padding, self.layout.window[1] * channels
        dilation = self.operator.dilation[0]
        columns = self._apart() if self.operator.dilation[1] > 1 and self.layout.window[1] > 1 else self._run()
        lines = [
            f"const int32_t row = y + ky * {dilation};",
            f"int16_t *to = patch + ky * {run};",
        ]
        if padding.top or padding.bottom:
            outside = [self._fill("to", str(run)), "continue;"]
            lines += block(f"if (row < 0 || row >= {height})", outside)
        lines += [f"const int8_t *line = image + row * {width * channels};", *columns]
        return block(f"for (int32_t ky = 0; ky < {self.layout.window[0]}; ++ky)", lines)

    def _run(self) -> list[str]:
        """A row of the window, which is contiguous in the image."""
        (_, _, width, channels), taps = self.image, self.layout.window[1]
        padding = self.operator.padding
        whole = self._widen("to", f"line + x * {channels}", str(taps))
        if not (padding.left or padding.right):
            return [whole]
        parts = [
            f"const int32_t before = utvm_clamp(-x, 0, {taps});",
            f"const int32_t after = utvm_clamp(x + {taps} - {width}, 0, {taps} - before);",
            f"const int32_t inside = {taps} - before - after;",
            self._fill("to", f"before * {channels}"),
            *block(
                "if (inside > 0)",
                [self._widen(f"to + before * {channels}", f"line + (x + before) * {channels}", "inside")],
            ),
            self._fill(f"to + ({taps} - after) * {channels}", f"after * {channels}"),
        ]
        if width < taps:
            return parts
        return _either(f"x >= 0 && x <= {width - taps}", [whole], parts)

    def _apart(self) -> list[str]:
        """A row of a window that is dilated along rows, tap by tap."""
        _, _, width, channels = self.image
        taps, dilation = self.layout.window[1], self.operator.dilation[1]
        padding = self.operator.padding
        inside = [self._widen("to", f"line + column * {channels}", "1")]
        if padding.left or padding.right:
            inside = _either(f"column >= 0 && column < {width}", inside, [self._fill("to", str(channels))])
        step = [f"const int32_t column = x + kx * {dilation};", *inside, f"to += {channels};"]
        return block(f"for (int32_t kx = 0; kx < {taps}; ++kx)", step)

    def _next_pixel(self) -> list[str]:
        batch, height, width, channels = self.image
        padding, strides = self.operator.padding, self.operator.strides
        ends = [size * stride - side for size, stride, side in zip(self.out_size, strides, self._before, strict=True)]
        row = [f"x = {-padding.left};", f"y += {strides[0]};"]
        if batch > 1:
            row += block(f"if (y == {ends[0]})", [f"y = {-padding.top};", f"image += {height * width * channels};"])
        return [f"x += {strides[1]};", *block(f"if (x == {ends[1]})", row)]

    @property
    def _before(self) -> tuple[int, int]:
        return self.operator.padding.top, self.operator.padding.left

    def _products(self, pixels: str) -> list[str]:
        """Channel pairs outside, pixels inside: a pair's weights stay in the data cache."""
        layout = self.layout
        words = layout.rows * layout.row_words * (2 if self.wide else 1) + RECORD_WORDS
        pairs = (layout.group_outputs + 1) // 2
        several = layout.groups > 1
        pair = f"(group * {pairs} + pair)" if several else "pair"
        begin = f" + group * {layout.group_outputs}" if several else ""
        body = [
            f"const int32_t *taps = weights + {pair} * {words} + {RECORD_WORDS};",
            f"int8_t *at = output + first * {layout.out_channels}{begin} + {low_channel(layout.group_outputs)};",
            *self.calls.over(f"patches + group * {layout.group_channels}" if several else "patches", "at", pixels),
        ]
        loop = block(f"for (int32_t pair = 0; pair < {pairs}; ++pair)", body)
        return block(f"for (int32_t group = 0; group < {layout.groups}; ++group)", loop) if several else loop

    def _widen(self, to: str, source: str, taps: str) -> str:
        """A call that widens so many contiguous taps, a number or a variable; at least one."""
        factor = self.layout.channels // (4 if self.layout.in_quads else 1)
        count = str(int(taps) * factor) if taps.isdecimal() else f"{taps} * {factor}"
        return f"{self.widen}({to}, {source}, {count});"

    def _fill(self, to: str, elements: str) -> str:
        return f"{FILL.name}({to}, {self.operator.input_zero_point}, {elements});"


def _either(condition: str, then: list[str], otherwise: list[str]) -> list[str]:
    return [*block(f"if ({condition})", then)[:-1], "} else {", *(INDENT + line for line in otherwise), "}"]
