"""How a convolution's image lies in its int16 strip: rows of zero-point-padded pixels, a group of rows at a time.

A window is then a few runs of contiguous elements, and borders need no code of their own. Where a pixel's window would
begin at an odd element, the row is kept a second time, one element earlier, so that no load is unaligned.
"""

from __future__ import annotations

from dataclasses import dataclass

from utvm.boards import Core
from utvm.microkernels.conv import ConvTile, Rounding
from utvm.model.operator_types import Conv2D, Padding
from utvm.model.tensor import Tensor
from utvm.operators.overlap import Overlap, streamed

_ELEMENT_BYTES = 2


def is_dilated_row(operator: Conv2D, inputs: tuple[Tensor, ...]) -> bool:
    """Whether a window of one row is dilated along images of one row, as one-dimensional convolutions have it."""
    padding = operator.padding
    one_row = inputs[0].shape[1] == inputs[1].shape[1] == 1 and padding.top == padding.bottom == 0
    return one_row and operator.dilation[1] > 1 and inputs[1].shape[2] > 1


@dataclass(frozen=True)
class Geometry:
    """Extents of a convolution of one group, undilated along rows of pixels.

    A 1x1 convolution with stride 1 and no padding is a single row of pixels, whatever the image's shape: `flat`. Where
    a single row is convolved along itself with dilation, it is taken for a column, which lies in memory alike.
    """

    batch: int
    height: int
    width: int
    channels: int
    out_height: int
    out_width: int
    out_channels: int
    window: tuple[int, int]
    strides: tuple[int, int]
    dilation: int
    padding: Padding
    flat: bool

    @staticmethod
    def of(operator: Conv2D, inputs: tuple[Tensor, ...], output: Tensor) -> Geometry:
        """The geometry of an operator."""
        batch, height, width, channels = inputs[0].shape
        _, out_height, out_width, out_channels = output.shape
        window = inputs[1].shape[1], inputs[1].shape[2]
        strides, padding, dilation = operator.strides, operator.padding, operator.dilation
        if is_dilated_row(operator, inputs):
            height, width, out_height, out_width = width, height, out_width, out_height
            window, strides, dilation = window[::-1], strides[::-1], dilation[::-1]
            padding = Padding(padding.left, padding.right, padding.top, padding.bottom)
        flat = window == (1, 1) and strides == (1, 1) and not padding.any
        if flat:
            pixels = batch * height * width
            batch, height, width, out_height, out_width = 1, 1, pixels, 1, pixels
        return Geometry(
            batch,
            height,
            width,
            channels,
            out_height,
            out_width,
            out_channels,
            window,
            strides,
            dilation[0],
            padding,
            flat,
        )

    @property
    def used_columns(self) -> int:
        """Pixels of a padded row that some window covers."""
        return (self.out_width - 1) * self.strides[1] + self.window[1]

    @property
    def image_columns(self) -> int:
        """Pixels of an image's row among them."""
        return max(0, min(self.width, self.used_columns - self.padding.left))


@dataclass(frozen=True)
class StripLayout:
    """A strip for `rows` rows of outputs (of `pixels` outputs, where the geometry is flat).

    Its tiles unroll at most `unroll` words of taps; their pixels are side by side, or one below the other (`stacked`).
    """

    geometry: Geometry
    rows: int
    pixels: int
    unroll: int
    stacked: bool = False

    @property
    def row_stride(self) -> int:
        """Rows of the strip from one row of outputs to the next."""
        return 1 if self.geometry.window[0] == 1 else self.geometry.strides[0]

    @property
    def strip_rows(self) -> int:
        """Rows of the image in the strip at a time."""
        return (self.rows - 1) * self.row_stride + (self.geometry.window[0] - 1) * self.geometry.dilation + 1

    @property
    def in_quads(self) -> bool:
        """Whether groups of four elements are stored in QUAD_ORDER, which is cheaper to write."""
        return self.geometry.channels % 4 == 0

    @property
    def copies(self) -> int:
        """2 where pixels begin at odd elements."""
        return 1 + (self.geometry.strides[1] * self.geometry.channels % 2 if self.pixels > 1 else 0)

    @property
    def copy_elements(self) -> int:
        """Elements of one copy of a row, even.

        A second copy begins with its element -1, which must not be one that the first copy uses.
        """
        columns = self.pixels if self.geometry.flat else self.geometry.used_columns
        spare = self.copies - 1
        return (columns * self.geometry.channels + spare + 1) // 2 * 2

    @property
    def row_elements(self) -> int:
        """Elements from one row of the strip to the next."""
        return self.copy_elements * self.copies

    @property
    def row_words(self) -> int:
        """Words of taps in a window's row, rounded up so that the row splits into equal parts."""
        words = (self.geometry.window[1] * self.geometry.channels + 1) // 2
        parts = -(-words // self.unroll)
        return -(-words // parts) * parts

    def tile(self, pixels: int, rounding: Rounding, shift: int | None, wide: bool) -> ConvTile:
        """The tile of `pixels` pixels that runs along this strip's rows."""
        geometry = self.geometry
        step = geometry.strides[1] * geometry.channels
        if self.stacked:
            offsets = [pixel * self.row_stride * self.row_elements * _ELEMENT_BYTES for pixel in range(pixels)]
            along, below = 1, geometry.out_width
        else:
            offsets = [self._pixel_offset(pixel * step) for pixel in range(pixels)]
            along, below = pixels, 1
        return ConvTile(
            pixel_offsets=tuple(offsets),
            rows=geometry.window[0],
            row_words=self.row_words,
            row_step=geometry.dilation * self.row_elements * _ELEMENT_BYTES if geometry.window[0] > 1 else 0,
            tile_step=along * step * _ELEMENT_BYTES,
            # A single pixel has no distance to others: one function for both ways.
            output_step=(below if pixels > 1 else 1) * geometry.out_channels,
            output_advance=along * geometry.out_channels,
            high_offset=min(1, geometry.out_channels - 1),
            rounding=rounding,
            unroll=self.unroll,
            shift=shift,
            wide=wide,
        )

    def tiles(self, widest: int) -> tuple[int, ...]:
        """The sizes of tiles that cover every group, largest first."""
        geometry = self.geometry
        if self.stacked:
            lengths = {self.rows, geometry.out_height % self.rows}
        elif geometry.flat:
            lengths = {self.pixels, geometry.out_width % self.pixels}
        else:
            lengths = {self.pixels}
        sizes = {size for length in lengths for size, _ in tile_sizes(length, widest)}
        return tuple(sorted(sizes, reverse=True))

    def size_bytes(self) -> int:
        """Bytes of the strip with what tiles may read behind it: the rest of a last word, the next tile's operands."""
        geometry = self.geometry
        step = geometry.strides[1] * geometry.channels * _ELEMENT_BYTES
        last_row = (self.rows - 1) * self.row_stride * self.row_elements * _ELEMENT_BYTES
        window = (geometry.window[0] - 1) * geometry.dilation * self.row_elements * _ELEMENT_BYTES + 4 * self.row_words
        copy = (self.copies - 1) * self.copy_elements * _ELEMENT_BYTES
        columns = self.pixels if geometry.flat else geometry.out_width
        last_pixel = last_row + copy + (columns - 1) * step
        prefetched = last_pixel + _WIDEST_PREFETCH * step + 4
        rows = self.strip_rows * self.row_elements * _ELEMENT_BYTES
        return -(-max(rows, last_pixel + window, prefetched) // 4) * 4

    def overlap(self) -> Overlap:
        """How far outputs may be written over the image: group by group, each widened first."""
        geometry = self.geometry
        if geometry.flat:
            firsts = range(0, geometry.out_width, self.pixels)
            ends = [min(first + self.pixels, geometry.out_width) * geometry.out_channels for first in firsts]
            return streamed(ends, [first * geometry.channels for first in firsts])
        written: list[int] = []
        begun: list[int] = []
        for image in range(geometry.batch):
            for first in range(0, geometry.out_height, self.rows):
                end = image * geometry.out_height + min(first + self.rows, geometry.out_height)
                top = max(0, min(first * geometry.strides[0] - geometry.padding.top, geometry.height))
                written.append(end * geometry.out_width * geometry.out_channels)
                begun.append((image * geometry.height + top) * geometry.width * geometry.channels)
        return streamed(written, begun)

    def _pixel_offset(self, element: int) -> int:
        if element % 2 == 0:
            return element * _ELEMENT_BYTES
        return (self.copy_elements + element - 1) * _ELEMENT_BYTES


# Tiles of four pixels load nothing ahead.
_WIDEST_PREFETCH = 2


def tile_sizes(pixels: int, widest: int) -> list[tuple[int, int]]:
    """(tile size, tiles) by which a row of `pixels` is covered: the widest first, then what is left in smaller ones."""
    found = []
    for size in (4, 2, 1):
        if size <= widest and pixels >= size:
            found.append((size, pixels // size))
            pixels %= size
    return found


def unroll_choices(core: Core) -> tuple[int, ...]:
    """Words of taps to unroll, in order of promise: loops stay within the small instruction caches of M4 flashes.

    Sixteen words and what follows them overflow the 1 KB of an STM32L4: kws and vww took a fifth more.
    """
    return (12, 24, 6) if core.name == "cortex-m4" else (48, 24, 12)


def widest_tile(core: Core) -> tuple[int, ...]:
    """Tile sizes in order of promise: the M7 is as fast with two pixels, others save loads with four."""
    return (2, 4) if core.name == "cortex-m7" else (4, 2)
