"""How a Winograd convolution is cut into groups of tiles, and the memory that a group needs."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.microkernels.conv import Rounding
from utvm.microkernels.conv_winograd import PatchWalk, ProductWalk, ResultWalk, Window
from utvm.microkernels.conv_winograd.products import SUMS_TILE_BYTES, overread_bytes
from utvm.operators.overlap import Overlap, streamed
from utvm.schedules.conv2d_layout import Geometry

_ELEMENT_BYTES = 2


@dataclass(frozen=True)
class WinogradLayout:
    """A group is `tile_rows` rows of `tiles` tiles of 2x2 outputs."""

    geometry: Geometry
    tile_rows: int
    tiles: int

    @property
    def window(self) -> Window:
        """The convolution's."""
        return Window(*self.geometry.window)

    @property
    def strip_rows(self) -> int:
        """Rows of the image under a group."""
        return 2 * self.tile_rows + self.window.rows - 1

    @property
    def strip_row_elements(self) -> int:
        """Elements of a row of the group's patches, side by side."""
        return (2 * self.tiles + self.window.columns - 1) * self.geometry.channels

    @property
    def shared_bytes(self) -> int:
        """The strip, and later in its place the sums of one pair of channels for an even number of tiles.

        Behind the patches, so that there is something to read beyond them.
        """
        strip = self.strip_rows * self.strip_row_elements * _ELEMENT_BYTES
        sums = 2 * self.tile_pairs * SUMS_TILE_BYTES
        return -(-max(strip, sums, overread_bytes(self.product_walk())) // 4) * 4

    @property
    def patches_bytes(self) -> int:
        """All patches in the frequency domain."""
        return 2 * self.tile_pairs * self.product_walk().tile_bytes

    @property
    def scratch_bytes(self) -> int:
        """All memory the kernel needs."""
        return self.shared_bytes + self.patches_bytes

    @property
    def groups(self) -> tuple[WinogradLayout, ...]:
        """Those of an image, for each of which the weights are swept; the last ones may be smaller."""
        down = _parts(self.geometry.out_height // 2, self.tile_rows)
        across = _parts(self.geometry.out_width // 2, self.tiles)
        return tuple(WinogradLayout(self.geometry, rows, tiles) for rows in down for tiles in across)

    @property
    def tile_pairs(self) -> int:
        """Of a group, the last perhaps with a tile of garbage."""
        return -(-self.tile_rows * self.tiles // 2)

    def overlap(self) -> Overlap:
        """How far outputs may be written over the image: group by group, each widened first."""
        geometry = self.geometry
        written: list[int] = []
        begun: list[int] = []
        for image in range(geometry.batch):
            for first in range(0, geometry.out_height, 2 * self.tile_rows):
                for column in range(0, geometry.out_width, 2 * self.tiles):
                    row = min(first + 2 * self.tile_rows, geometry.out_height) - 1
                    end = min(column + 2 * self.tiles, geometry.out_width)
                    at = (image * geometry.out_height + row) * geometry.out_width + end
                    top = max(0, min(first - geometry.padding.top, geometry.height))
                    left = max(0, min(column - geometry.padding.left, geometry.width))
                    written.append(at * geometry.out_channels)
                    begun.append(((image * geometry.height + top) * geometry.width + left) * geometry.channels)
        return streamed(written, begun)

    def patch_walk(self) -> PatchWalk:
        """How patches are read."""
        return PatchWalk(self.geometry.channels, self.strip_row_elements * _ELEMENT_BYTES, self.window)

    def product_walk(self) -> ProductWalk:
        """How products are summed."""
        return ProductWalk(self.geometry.channels, self.window)

    def result_walk(self, rounding: Rounding) -> ResultWalk:
        """How outputs are written."""
        channels = self.geometry.out_channels
        return ResultWalk(channels, self.geometry.out_width * channels, min(1, channels - 1), rounding, self.window)


def _parts(total: int, size: int) -> list[int]:
    return [min(size, total - first) for first in range(0, total, size)]


def grouped(geometry: Geometry, tiles: int) -> WinogradLayout:
    """Groups of so many tiles: part of a row of tiles, or whole rows."""
    across = geometry.out_width // 2
    if tiles <= across:
        return WinogradLayout(geometry, 1, tiles)
    return WinogradLayout(geometry, tiles // across, across)
