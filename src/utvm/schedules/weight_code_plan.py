"""How a convolution is cut into pairs of output rows and blocks of columns for code that holds the weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from utvm.model.operator_types import Conv2D, DepthwiseConv2D
from utvm.operators.overlap import Overlap, streamed
from utvm.schedules.template import Site

_WORD_BYTES = 4
# Blocks of columns tried: the whole row, and parts of it.
_PARTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


@dataclass(frozen=True)
class PairGeometry:
    """Extents of a convolution whose outputs are computed in pairs: of rows, or of pixels a block apart.

    The latter, `flat`, is where every pixel is computed from one: the image is a row of pixels then.
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
    dilation: tuple[int, int]
    above: int
    before: int
    flat: bool

    @staticmethod
    def of(site: Site) -> PairGeometry:
        """The geometry of a site's convolution."""
        operator = site.operator
        assert isinstance(operator, Conv2D | DepthwiseConv2D)
        batch, height, width, channels = site.inputs[0].shape
        _, out_height, out_width, out_channels = site.outputs[0].shape
        window = (site.inputs[1].shape[1], site.inputs[1].shape[2])
        flat = window == (1, 1) and operator.strides == (1, 1) and not operator.padding.any
        if flat:
            batch, height, width = 1, 1, batch * height * width
            out_height, out_width = 1, width
        return PairGeometry(
            batch,
            height,
            width,
            channels,
            out_height,
            out_width,
            out_channels,
            window,
            operator.strides,
            operator.dilation,
            operator.padding.top,
            operator.padding.left,
            flat,
        )

    @property
    def pairs(self) -> int:
        """Pairs of output rows; the last of an odd number overlaps the one before."""
        return (self.out_height + 1) // 2

    def second_output(self, block: int) -> int:
        """Elements from the first output of a pair to the second; one alone is paired with itself."""
        if self.flat:
            return block * self.out_channels if self.out_width > 1 else 0
        return self.out_width * self.out_channels if self.out_height > 1 else 0

    def blocks(self) -> tuple[int, ...]:
        """Columns per block that may be chosen, most first."""
        most = max(1, self.out_width // 2) if self.flat else self.out_width
        return tuple(dict.fromkeys(-(-most // parts) for parts in _PARTS))

    def strip_columns(self, block: int) -> int:
        """Columns of inputs that a block's windows cover."""
        return (block - 1) * self.strides[1] + (self.window[1] - 1) * self.dilation[1] + 1

    def strip_bytes(self, block: int) -> int:
        """The strip of a block: as many rows as the window has."""
        return self.window[0] * self.strip_columns(block) * self.channels * _WORD_BYTES

    def fills(self, block: int) -> int:
        """How often a strip is filled in a call."""
        if self.flat:
            return -(-self.out_width // (2 * block))
        return self.batch * self.pairs * -(-self.out_width // block)

    def columns(self, block: int) -> int:
        """Pairs of pixels computed in a call."""
        return self.fills(block) * block if self.flat else self.batch * self.pairs * self.out_width

    def overlap(self, block: int) -> Overlap:
        """How far outputs may be written over the image: block by block, a strip of each filled first."""
        steps = list(self._steps(block))
        return streamed([written for written, _ in steps], [begun for _, begun in steps])

    def _steps(self, block: int) -> Iterator[tuple[int, int]]:
        """Per strip, the bytes written by its end, and from where the image is read."""
        if self.flat:
            for first in range(0, self.out_width, 2 * block):
                first = max(0, min(first, self.out_width - 2 * block))
                last = min(first + 2 * block, self.out_width)
                yield last * self.out_channels, first * self.channels
            return
        for image in range(self.batch):
            for pair in range(self.pairs):
                upper = max(0, min(2 * pair, self.out_height - 2))
                lower = min(upper + 1, self.out_height - 1)
                top = max(0, min(upper * self.strides[0] - self.above, self.height))
                for x in range(0, self.out_width, block):
                    end = min(x + block, self.out_width)
                    left = max(0, min(x * self.strides[1] - self.before, self.width))
                    pixels = (image * self.out_height + lower) * self.out_width + end
                    begun = (image * self.height + top) * self.width + left
                    yield pixels * self.out_channels, begun * self.channels
