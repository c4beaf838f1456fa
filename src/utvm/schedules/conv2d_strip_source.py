"""The C around a convolution's tiles: filling the strip, walking over channel pairs, rows and tiles."""

from __future__ import annotations

from collections.abc import Mapping

from utvm.microkernels.conv.records import RECORD_WORDS
from utvm.microkernels.conv.strips import FILL
from utvm.model.operator_types import Conv2D
from utvm.operators.kernel import CodeUnit
from utvm.schedules.conv2d_channels import low_channel
from utvm.schedules.conv2d_layout import StripLayout
from utvm.schedules.conv2d_tile_calls import INDENT, TileCalls, block


def strip_body(operator: Conv2D, layout: StripLayout, tiles: Mapping[int, str], widen: CodeUnit, wide: bool) -> str:
    """The kernel's statements. `tiles` names the tile function of each size; weights are int16 if `wide`."""
    source = _Source(operator, layout, tiles, widen, wide)
    return "\n".join(source.flat() if layout.geometry.flat else source.rows())


class _Source:
    def __init__(
        self, operator: Conv2D, layout: StripLayout, tiles: Mapping[int, str], widen: CodeUnit, wide: bool
    ) -> None:
        self.operator = operator
        self.layout = layout
        self.geometry = layout.geometry
        self.tiles = tiles
        step = layout.geometry.strides[1] * layout.geometry.channels
        self.calls = TileCalls(tiles, step, layout.geometry.out_channels)
        self.widen = widen
        self.wide = wide

    def flat(self) -> list[str]:
        """One row of pixels, `layout.pixels` at a time."""
        geometry, pixels = self.geometry, self.layout.pixels
        whole, rest = divmod(geometry.out_width, pixels)
        group = self._flat_group("pixels" if rest and whole else str(geometry.out_width if not whole else pixels))
        if rest and whole:
            last = geometry.out_width - pixels
            step = [f"const int32_t pixels = first <= {last} ? {pixels} : {geometry.out_width} - first;", *group]
            return block(f"for (int32_t first = 0; first < {geometry.out_width}; first += {pixels})", step)
        return block(f"for (int32_t first = 0; first < {geometry.out_width}; first += {pixels})", group)

    def _flat_group(self, pixels: str) -> list[str]:
        geometry = self.geometry
        widen = self._widen("strip", f"input + first * {geometry.channels}", pixels)
        calls = self.calls.over("strip", "at", pixels)
        place = [f"int8_t *at = output + first * {geometry.out_channels} + {low_channel(geometry.out_channels)};"]
        return [widen, *self._pair_loop([*place, *calls])]

    def rows(self) -> list[str]:
        """Rows of outputs, `layout.rows` at a time, image by image."""
        geometry, layout = self.geometry, self.layout
        group: list[str] = []
        rows = str(layout.rows)
        if geometry.out_height % layout.rows:
            rows = "rows"
            last = geometry.out_height - layout.rows
            group.append(f"const int32_t rows = first <= {last} ? {layout.rows} : {geometry.out_height} - first;")
        group += self._fill_rows(rows)
        row_bytes = geometry.out_width * geometry.out_channels
        per_row = [
            f"const int16_t *place = strip + row * {layout.row_stride * layout.row_elements};",
            f"int8_t *at = out + (first + row) * {row_bytes} + {low_channel(geometry.out_channels)};",
        ]
        if layout.stacked:
            group += self._pair_loop(["int32_t row = 0;", *self._stacks(rows, per_row)])
        else:
            per_row += self.calls.over("place", "at", str(geometry.out_width))
            group += self._pair_loop(block(f"for (int32_t row = 0; row < {rows}; ++row)", per_row))
        body = block(f"for (int32_t first = 0; first < {geometry.out_height}; first += {layout.rows})", group)
        begin = []
        if self.geometry.padding.any:
            count = layout.strip_rows * layout.row_elements
            begin.append(f"{FILL.name}(strip, {self.operator.input_zero_point}, {count});")
        image = geometry.height * geometry.width * geometry.channels
        out = geometry.out_height * row_bytes
        if geometry.batch == 1:
            return [*begin, "const int8_t *image = input;", "int8_t *out = output;", *body]
        images = [f"const int8_t *image = input + n * {image};", f"int8_t *out = output + n * {out};", *body]
        return [*begin, *block(f"for (int32_t n = 0; n < {geometry.batch}; ++n)", images)]

    def _fill_rows(self, rows: str) -> list[str]:
        """Widen the rows of the image that the group's windows cover; those outside become the zero point again."""
        geometry, layout, padding = self.geometry, self.layout, self.geometry.padding
        overlap = (geometry.window[0] - 1) * geometry.dilation + 1 - layout.row_stride
        strip_rows = f"{rows} * {layout.row_stride}" + (f" + {overlap}" if overlap > 0 else f" - {-overlap}")
        if overlap == 0:
            strip_rows = f"{rows} * {layout.row_stride}"
        if rows.isdecimal():
            strip_rows = str(layout.strip_rows)
        step = geometry.strides[0] if layout.row_stride == 1 else 1
        y = f"first * {geometry.strides[0]} + row * {step} - {padding.top}"
        lines = [
            f"const int32_t y = {y};",
            f"int16_t *place = strip + row * {layout.row_elements} + {padding.left * geometry.channels};",
        ]
        columns = geometry.image_columns
        source = f"image + y * {geometry.width * geometry.channels}"
        widen = [self._widen("place", source, str(columns))] if columns else []
        if padding.top or padding.bottom:
            lines += self._inside_or_zero(widen, columns * geometry.channels)
        else:
            lines += widen
        return block(f"for (int32_t row = 0; row < {strip_rows}; ++row)", lines)

    def _inside_or_zero(self, widen: list[str], elements: int) -> list[str]:
        zero_point, layout = self.operator.input_zero_point, self.layout
        zero = [f"{FILL.name}(place, {zero_point}, {elements});"]
        if layout.copies > 1:
            zero.append(f"{FILL.name}(place + {layout.copy_elements - 1}, {zero_point}, {elements});")
        inside = block(f"if (y >= 0 && y < {self.geometry.height})", widen)
        return [*inside[:-1], "} else {", *(INDENT + line for line in zero), "}"]

    def _widen(self, strip: str, source: str, pixels: str) -> str:
        channels = self.geometry.channels
        if self.layout.in_quads:
            count = _product(pixels, channels // 4)
            return f"{self.widen.name}({strip}, {source}, {count});"
        count = _product(pixels, channels)
        # The second copy is one element ahead.
        second = f", {2 * (self.layout.copy_elements - 1)}" if self.layout.copies > 1 else ""
        return f"{self.widen.name}({strip}, {source}, {count}{second});"

    def _pair_loop(self, body: list[str]) -> list[str]:
        words = self.geometry.window[0] * self.layout.row_words * (2 if self.wide else 1) + RECORD_WORDS
        pointers = [f"const int32_t *taps = weights + pair * {words} + {RECORD_WORDS};"]
        pairs = (self.geometry.out_channels + 1) // 2
        return block(f"for (int32_t pair = 0; pair < {pairs}; ++pair)", [*pointers, *body])

    def _stacks(self, rows: str, place: list[str]) -> list[str]:
        """Rows in stacks of the largest tile's height, what is left in smaller ones."""
        lines = []
        for size in sorted(self.tiles, reverse=True):
            call = f"{self.tiles[size]}(place, taps, at, {self.geometry.out_width});"
            lines += block(f"for (; row + {size} <= {rows}; row += {size})", [*place, call])
        return lines


def _product(count: str, factor: int) -> str:
    return str(int(count) * factor) if count.isdecimal() else f"{count} * {factor}"
