"""C that calls tiles one after the other over pixels side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from utvm.schedules.conv2d_layout import tile_sizes

INDENT = "    "


def block(head: str, body: list[str]) -> list[str]:
    """A statement with a body in braces."""
    return [f"{head} {{", *(INDENT + line for line in body), "}"]


@dataclass(frozen=True)
class TileCalls:
    """`tiles` names the function of each size; a pixel is `step` elements of the strip, `out_step` of the output.

    Calls use the C variables `taps`, and the strip and the output by the names given.
    """

    tiles: Mapping[int, str]
    step: int
    out_step: int

    def over(self, strip: str, at: str, pixels: str) -> list[str]:
        """Over `pixels`, a number or a C variable."""
        return self._known(strip, at, int(pixels)) if pixels.isdecimal() else self._variable(strip, at, pixels)

    def _known(self, strip: str, at: str, pixels: int) -> list[str]:
        lines, begin = [], 0
        for size, count in tile_sizes(pixels, max(self.tiles)):
            where = f"{strip} + {begin * self.step}" if begin else strip
            to = f"{at} + {begin * self.out_step}" if begin else at
            lines.append(f"{self.tiles[size]}({where}, taps, {to}, {count});")
            begin += size * count
        return lines

    def _variable(self, strip: str, at: str, pixels: str) -> list[str]:
        lines = [f"const int16_t *place = {strip};", f"int32_t left = {pixels};"]
        for size in sorted(self.tiles, reverse=True):
            done = f"(left & ~{size - 1})" if size > 1 else "left"
            call = [
                f"{self.tiles[size]}(place, taps, {at}, left / {size});",
                f"place += {done} * {self.step};",
                f"{at} += {done} * {self.out_step};",
                f"left -= {done};",
            ]
            lines += block(f"if (left >= {size})", call if size > min(self.tiles) else call[:1])
        return lines
