"""How far the outputs of a convolution that widens a group of rows at a time may lie over its image."""

from __future__ import annotations

from utvm.operators.overlap import Overlap, step_overlap
from utvm.schedules.conv2d_layout import Geometry, StripLayout
from utvm.schedules.conv2d_winograd_layout import WinogradLayout


def strip_overlap(over: str, layout: StripLayout) -> Overlap:
    """Of groups that are widened whole before their outputs are written."""
    geometry = layout.geometry
    if geometry.flat:
        ends = [min(first + layout.pixels, geometry.out_width) for first in range(0, geometry.out_width, layout.pixels)]
        written = [end * geometry.out_channels for end in ends]
        return step_overlap(over, written, [end * geometry.channels for end in ends])
    return _of_groups(over, geometry, layout.rows, widened_whole=True)


def winograd_overlap(over: str, layout: WinogradLayout) -> Overlap:
    """Of rows of tiles, which are widened in one group or, when they are cut, while others' outputs are written."""
    return _of_groups(over, layout.geometry, 2 * layout.tile_rows, 2 * layout.tiles >= layout.geometry.out_width)


def _of_groups(over: str, geometry: Geometry, rows: int, widened_whole: bool) -> Overlap:
    row_bytes, image_row_bytes = geometry.out_width * geometry.out_channels, geometry.width * geometry.channels
    written, needed = [], []
    for image in range(geometry.batch):
        for first in range(0, geometry.out_height, rows):
            end = min(first + rows, geometry.out_height)
            written.append((image * geometry.out_height + end) * row_bytes)
            position = (end if widened_whole else first) * geometry.strides[0] - geometry.padding.top
            # Behind the last group of an image the next one begins.
            begins_next = widened_whole and end == geometry.out_height
            row = geometry.height if begins_next else min(max(position, 0), geometry.height)
            needed.append((image * geometry.height + row) * image_row_bytes)
    return step_overlap(over, written, needed)
