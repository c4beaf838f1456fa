"""How the patches of a few output pixels lie in memory: a pixel's taps one after the other, each with all channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utvm.microkernels.conv import ConvTile, Rounding
from utvm.microkernels.conv.strips import QUAD_ORDER
from utvm.model.tensor import Array, Tensor
from utvm.schedules.conv2d_layout import tile_sizes

_ELEMENT_BYTES = 2


@dataclass(frozen=True)
class PatchLayout:
    """The patches of `pixels` outputs of a convolution whose `channels` are in `groups`, of even numbers if several.

    With one group a window is one run of elements, with several so many as it has taps. Tiles unroll at most `unroll`
    words of taps.
    """

    window: tuple[int, int]
    channels: int
    groups: int
    out_channels: int
    outputs: int
    pixels: int
    unroll: int

    @staticmethod
    def of(image: Tensor, weights: Tensor, output: Tensor, pixels: int, unroll: int) -> PatchLayout:
        """For a Conv2D's tensors."""
        channels, groups, out_channels = image.shape[3], image.shape[3] // weights.shape[3], output.shape[3]
        outputs = output.element_count // out_channels
        window = weights.shape[1], weights.shape[2]
        return PatchLayout(window, channels, groups, out_channels, outputs, pixels, unroll)

    @property
    def taps(self) -> int:
        """Of a window."""
        return self.window[0] * self.window[1]

    @property
    def group_channels(self) -> int:
        """Input channels of a group."""
        return self.channels // self.groups

    @property
    def group_outputs(self) -> int:
        """Output channels of a group."""
        return self.out_channels // self.groups

    @property
    def in_quads(self) -> bool:
        """Whether groups of four elements are stored in QUAD_ORDER, which is cheaper to write."""
        return self.channels % 4 == 0 and self.group_channels % (4 if self.groups > 1 else 1) == 0

    @property
    def patch_elements(self) -> int:
        """From one pixel's patch to the next, even."""
        return (self.taps * self.channels + 1) // 2 * 2

    @property
    def rows(self) -> int:
        """Runs of elements that a tile multiplies."""
        return 1 if self.groups == 1 else self.taps

    @property
    def row_words(self) -> int:
        """Words of taps in a run, rounded up so that it splits into equal parts."""
        words = (self.taps * self.channels // (self.rows * self.groups) + 1) // 2
        parts = -(-words // self.unroll)
        return -(-words // parts) * parts

    def tile(self, pixels: int, rounding: Rounding, shift: int | None, wide: bool) -> ConvTile:
        """The tile of `pixels` patches."""
        patch = self.patch_elements * _ELEMENT_BYTES
        return ConvTile(
            pixel_offsets=tuple(pixel * patch for pixel in range(pixels)),
            rows=self.rows,
            row_words=self.row_words,
            row_step=self.channels * _ELEMENT_BYTES if self.rows > 1 else 0,
            tile_step=pixels * patch,
            output_step=self.out_channels,
            output_advance=pixels * self.out_channels,
            high_offset=min(1, self.group_outputs - 1),
            rounding=rounding,
            unroll=self.unroll,
            shift=shift,
            wide=wide,
        )

    def tiles(self, widest: int) -> tuple[int, ...]:
        """The sizes of tiles that cover every batch of pixels, largest first."""
        lengths = {min(self.pixels, self.outputs), self.outputs % self.pixels}
        return tuple(sorted({size for length in lengths for size, _ in tile_sizes(length, widest)}, reverse=True))

    def size_bytes(self) -> int:
        """Bytes of the patches with what tiles may read behind them: the rest of a last word, the next tile's operands.

        Only tiles of one or two pixels whose window is unrolled load ahead.
        """
        patch = self.patch_elements * _ELEMENT_BYTES
        last = (self.pixels - 1) * patch
        row = self.channels * _ELEMENT_BYTES if self.rows > 1 else 0
        group = (self.groups - 1) * self.group_channels * _ELEMENT_BYTES
        read = last + group + (self.rows - 1) * row + 4 * self.row_words
        ahead = last + group + 2 * patch + 4 if self.rows * self.row_words <= self.unroll else 0
        return max(self.pixels * patch, read, ahead)

    def tap_rows(self, weights: Array) -> Array:
        """OHWI weights as [channels, taps] in the order in which tiles meet the elements, rows filled with zeros."""
        outputs = weights.shape[0]
        taps = weights.reshape(outputs, self.rows, -1)
        if self.in_quads:
            taps = taps.reshape(outputs, self.rows, -1, 4)[..., list(QUAD_ORDER)].reshape(outputs, self.rows, -1)
        filled = np.zeros((outputs, self.rows, 2 * self.row_words), dtype=np.int8)
        filled[..., : taps.shape[2]] = taps
        return filled.reshape(outputs, -1)
