"""Where a convolution's windows lie for vector dot products: in the image, in a padded strip, or gathered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from utvm.microkernels.assembly.vector_operations import BYTES
from utvm.microkernels.mve.packing import LANES
from utvm.microkernels.mve.requantize import Scaling, scaling_of
from utvm.microkernels.mve.rows import Windows
from utvm.microkernels.mve.tile import Tile
from utvm.model.operator_types import Conv2D
from utvm.operators.overlap import Overlap, streamed
from utvm.schedules.conv2d_layout import Geometry, is_dilated_row
from utvm.schedules.template import Site


@dataclass(frozen=True)
class VectorLayout:
    """`rows` rows of outputs at a time, or where the geometry is flat, so many pixels.

    `gather`: windows are copied side by side before they are multiplied.
    """

    geometry: Geometry
    dilation: tuple[int, int]
    gather: bool
    rows: int
    scaling: Scaling
    zero_point: int

    def refusal(self) -> str:
        """Why tiles cannot read the windows; empty if they can."""
        spread = self.dilation[1] > 1 and self.geometry.window[1] > 1
        return "windows dilated along rows have to be gathered" if spread and not self.gather else ""

    @property
    def taps(self) -> int:
        """Bytes of a window."""
        return self.geometry.window[0] * self.geometry.window[1] * self.geometry.channels

    @property
    def padded(self) -> bool:
        """Whether there is a strip."""
        return self.geometry.padding.any

    @property
    def columns(self) -> int:
        """Pixels of a row that windows are read from."""
        if not self.padded:
            return self.geometry.width
        reach = (self.geometry.window[1] - 1) * self.dilation[1] + 1
        return (self.geometry.out_width - 1) * self.geometry.strides[1] + reach

    @property
    def row_bytes(self) -> int:
        """Of a row that windows are read from."""
        return self.columns * self.geometry.channels

    @property
    def strip_rows(self) -> int:
        """Rows of the strip."""
        reach = (self.geometry.window[0] - 1) * self.dilation[0] + 1
        return (self.rows - 1) * self.geometry.strides[0] + reach

    @property
    def strip_bytes(self) -> int:
        """With what vectors reach behind its end."""
        return self.strip_rows * self.row_bytes + BYTES if self.padded else 0

    @property
    def patches_bytes(self) -> int:
        """With what vectors reach behind their end."""
        if not self.gather:
            return 0
        if self.geometry.flat:
            return max(end - first for first, end in self.passes) * self.geometry.channels + BYTES
        return self.rows * self.geometry.out_width * self.windows.pitch + BYTES

    @property
    def scratch_bytes(self) -> int:
        """All of it."""
        return self.strip_bytes + self.patches_bytes

    @property
    def passes(self) -> list[tuple[int, int]]:
        """Where the geometry is flat: first and last pixel (exclusive) of each pass, at least two if there are."""
        firsts = list(range(0, self.geometry.out_width, self.rows))
        if len(firsts) > 1 and firsts[-1] == self.geometry.out_width - 1:
            firsts.pop()
        return list(zip(firsts, [*firsts[1:], self.geometry.out_width], strict=True))

    @property
    def windows(self) -> Windows:
        """How windows are gathered."""
        (height, width), channels = self.geometry.window, self.geometry.channels
        step = self.dilation[0] * self.row_bytes
        if self.dilation[1] == 1 or width == 1:
            pieces, piece = tuple(y * step for y in range(height)), width * channels
        else:
            across = self.dilation[1] * channels
            pieces, piece = tuple(y * step + x * across for y in range(height) for x in range(width)), channels
        return Windows(pieces, piece, self.geometry.strides[1] * channels, readable=self.padded)

    @property
    def tile(self) -> Tile:
        """What multiplies."""
        geometry = self.geometry
        runs = 1 if self.gather else geometry.window[0]
        step = self.windows.pitch if self.gather and not geometry.flat else geometry.strides[1] * geometry.channels
        return Tile(
            loop="pixels",
            pixels=min(2, geometry.out_width),
            channels=min(LANES, geometry.out_channels),
            runs=runs,
            taps=self.taps // runs,
            run_step=self.dilation[0] * self.row_bytes if runs > 1 else 0,
            pixel_step=step,
            output_step=geometry.out_channels,
            scaling=self.scaling,
            zero_point=self.zero_point,
            readable=self.padded or self.gather,
        )

    def overlap(self) -> Overlap:
        """How far outputs may be written over the image: with a copy, what is read is read before they are."""
        geometry = self.geometry
        written: list[int] = []
        begun: list[int] = []
        if geometry.flat:
            written = [end * geometry.out_channels for _, end in self.passes]
            begun = [first * geometry.channels for first, _ in self.passes]
        else:
            for image in range(geometry.batch):
                for first in range(0, geometry.out_height, self.rows):
                    end = image * geometry.out_height + min(first + self.rows, geometry.out_height)
                    top = max(0, min(first * geometry.strides[0] - geometry.padding.top, geometry.height))
                    written.append(end * geometry.out_width * geometry.out_channels)
                    begun.append((image * geometry.height + top) * geometry.width * geometry.channels)
        if self.scratch_bytes:
            return streamed(written, begun)
        # What is read from the image itself is read for each group of channels, until the last ones are written.
        return streamed([count for count in written for _ in (0, 1)], [count for count in begun for _ in (0, 1)])

    @property
    def comments(self) -> tuple[str, ...]:
        """What scratch holds."""
        found = []
        if self.padded:
            found.append(f"strip: {self.strip_rows} rows of {self.row_bytes} bytes, padded with the zero point")
        if self.gather and self.geometry.flat:
            found.append("patches: the pixels of a pass, so that outputs may be written over them")
        elif self.gather:
            found.append(f"patches: windows of {self.taps} bytes, {self.windows.pitch} apart")
        return tuple(found)


@lru_cache(maxsize=256)
def layout_of(site: Site, gather: bool, rows: int) -> VectorLayout:
    """The layout of a site whose operator is a Conv2D."""
    operator = site.operator
    assert isinstance(operator, Conv2D)
    geometry = Geometry.of(operator, site.inputs, site.outputs[0])
    scaling = scaling_of(operator.requantization, operator.output_zero_point, operator.clamp)
    dilation = operator.dilation[::-1] if is_dilated_row(operator, site.inputs) else operator.dilation
    return VectorLayout(geometry, dilation, gather, rows, scaling, operator.output_zero_point)
