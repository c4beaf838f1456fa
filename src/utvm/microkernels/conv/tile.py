"""What the code of a convolution tile depends on: its window in the strip, distances, rounding."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS
from utvm.microkernels.conv.records import Rounding

# The last offset of a load; loops keep to it.
_REACH = 4092


@dataclass(frozen=True)
class ConvTile:
    """What a tile's code depends on. Distances in bytes.

    `pixel_offsets`: where in the strip the window of each of the tile's pixels begins; `row_step` from one of its rows
    to the next, `tile_step` to the next tile's. `output_step`: between the outputs of the tile's pixels;
    `output_advance` to those of the next tile; `high_offset` from the output of the low channel to that of the high. At
    most `unroll` words of taps are unrolled; each is 32 bytes of code for two pixels, 56 for four. `shift`: what all
    channels are shifted by at the end (conv/common_shift.py); None where that is in their records. `wide`: weights are
    int16, a word of two taps per channel, for what two channels cannot share a word.
    """

    pixel_offsets: tuple[int, ...]
    rows: int
    row_words: int
    row_step: int
    tile_step: int
    output_step: int
    output_advance: int
    high_offset: int
    rounding: Rounding
    unroll: int
    shift: int | None = None
    wide: bool = False

    @property
    def pixels(self) -> int:
        """Pixels at a time."""
        return len(self.pixel_offsets)

    @property
    def weight_bytes(self) -> int:
        """Of a word of taps."""
        return 8 if self.wide else 4

    @property
    def unrolled(self) -> bool:
        """Whether the whole window is one run of instructions."""
        return self.rows * self.row_words <= self.unroll and self._last_offset(self.rows, self.row_words) <= _REACH

    @property
    def chunk_words(self) -> int:
        """Words of taps in a round of the innermost loop; divides `row_words`."""
        for chunks in range(1, self.row_words + 1):
            words = self.row_words // chunks
            if words * chunks == self.row_words and words <= self.unroll and self._last_offset(1, words) <= _REACH:
                return words
        return 0

    def refusal(self) -> str:
        """Why no code can be made; empty if it can."""
        if self.chunk_words == 0:
            return f"a pixel is {max(self.pixel_offsets)} bytes from the first of its tile, too far for a load"
        if (self.pixels - 1) * self.output_step + self.high_offset > _REACH:
            return f"output pixels are {self.output_step} bytes apart, too far for a store"
        return ""

    def name(self, core: Core) -> str:
        """utvm_conv_, pixels x channels, types, window, distances, rounding, core."""
        offsets = "_".join(str(offset) for offset in self.pixel_offsets[1:])
        parts = [
            f"utvm_conv_{self.pixels}x2_s16_{'s16' if self.wide else 's8p'}",
            f"y{self.rows}k{2 * self.row_words}",
            *([f"r{self.row_step}"] if self.rows > 1 else []),
            *([f"p{offsets}"] if offsets else []),
            f"t{self.tile_step}",
            f"o{self.output_step}a{self.output_advance}h{self.high_offset}",
            self.rounding if self.shift is None else f"shift{self.shift}",
            f"u{self.chunk_words * (self.rows if self.unrolled else 1)}",
            TUNINGS[core.name],
        ]
        return "_".join(parts)

    def _last_offset(self, rows: int, words: int) -> int:
        return (rows - 1) * self.row_step + 4 * words + max(self.pixel_offsets)
