"""How a Winograd convolution is cut into groups of tiles, and the memory that a group needs."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.microkernels.conv import Rounding
from utvm.microkernels.conv_winograd import FREQUENCIES, PatchWalk, ResultWalk
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
    def strip_row_elements(self) -> int:
        """Elements of a row of the group's patches, side by side."""
        return (2 * self.tiles + 2) * self.geometry.channels

    @property
    def shared_bytes(self) -> int:
        """The strip, and later in its place the sums of one pair of channels for an even number of tiles.

        Behind the patches, so that there is something to read beyond them.
        """
        strip = (2 * self.tile_rows + 2) * self.strip_row_elements * _ELEMENT_BYTES
        sums = self._even_tiles * SUMS_TILE_BYTES
        return -(-max(strip, sums, overread_bytes(self.geometry.channels)) // 4) * 4

    @property
    def patches_bytes(self) -> int:
        """All patches in the frequency domain."""
        return self._even_tiles * FREQUENCIES * self.geometry.channels * _ELEMENT_BYTES

    @property
    def scratch_bytes(self) -> int:
        """All memory the kernel needs."""
        return self.shared_bytes + self.patches_bytes

    @property
    def groups(self) -> int:
        """How often the weights are swept."""
        geometry = self.geometry
        return -(-geometry.out_height // 2 // self.tile_rows) * -(-geometry.out_width // 2 // self.tiles)

    @property
    def _even_tiles(self) -> int:
        return -(-self.tile_rows * self.tiles // 2) * 2

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
        return PatchWalk(self.geometry.channels, self.strip_row_elements * _ELEMENT_BYTES)

    def result_walk(self, rounding: Rounding) -> ResultWalk:
        """How outputs are written."""
        channels = self.geometry.out_channels
        return ResultWalk(channels, self.geometry.out_width * channels, min(1, channels - 1), rounding)


def grouped(geometry: Geometry, tiles: int) -> WinogradLayout:
    """Groups of so many tiles: part of a row of tiles, or whole rows."""
    across = geometry.out_width // 2
    if tiles <= across:
        return WinogradLayout(geometry, 1, tiles)
    return WinogradLayout(geometry, tiles // across, across)
