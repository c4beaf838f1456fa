"""A transposed convolution as plain ones: each row of its output is one, over the input rows that reach it.

Output rows that are as far from a multiple of the stride meet the same rows of the window, and so do columns. So a row
of the output is a convolution of a few rows of the input, whose output channels are the columns within a stride, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utvm.model.operator_types import Conv2D, Padding, Requantization, TransposeConv2D
from utvm.model.tensor import Array, Tensor, constant
from utvm.schedules.template import Site

IMAGE, ROWS = "image", "rows"
"""Names of the tensors of a plain convolution."""


@dataclass(frozen=True)
class RowRange:
    """Output rows `phase` + stride * i for i from `first` to before `end`: a plain convolution of the input rows from
    i + `offset` on, with these rows of the window, in their order."""

    phase: int
    first: int
    end: int
    offset: int
    taps: tuple[int, ...]


@dataclass(frozen=True)
class Columns:
    """How many columns the plain convolutions' windows have, and what is padded on both sides."""

    width: int
    least: int
    left: int
    right: int


def transpose_conv_of(site: Site) -> TransposeConv2D:
    """The operator, which is one."""
    assert isinstance(site.operator, TransposeConv2D)
    return site.operator


def phases_refusal(site: Site) -> str:
    """Why the operator is no set of plain convolutions; empty if it is."""
    operator = site.operator
    if not isinstance(operator, TransposeConv2D):
        return f"{type(operator).__name__} is not a transposed convolution"
    if site.inputs[1].data is None or site.inputs[2].data is None:
        return "weights and bias are not constants"
    if operator.size[1] % operator.strides[1]:
        return f"an output of {operator.size[1]} columns is not a multiple of the stride {operator.strides[1]}"
    columns = columns_of(site)
    if columns.left < 0 or columns.right < 0:
        return "the first or the last columns of the input are cropped"
    reached = sum(rows.end - rows.first for rows in row_ranges(site))
    return "" if reached == operator.size[0] else "there are output rows that no input row reaches"


def row_ranges(site: Site) -> list[RowRange]:
    """All rows of the output that some row of the input reaches."""
    operator, height = transpose_conv_of(site), site.inputs[0].shape[1]
    stride, crop, window = operator.strides[0], operator.crop[0], site.inputs[1].shape[1]
    found: list[RowRange] = []
    for phase in range(min(stride, operator.size[0])):
        # Input row i + distance meets row `tap` of the window.
        reach = [((phase + crop - tap) // stride, tap) for tap in range(window) if (phase + crop - tap) % stride == 0]
        for i in range(-(-(operator.size[0] - phase) // stride)):
            inside = sorted((distance, tap) for distance, tap in reach if 0 <= i + distance < height)
            if not inside:
                continue
            row = RowRange(phase, i, i + 1, inside[0][0], tuple(tap for _, tap in inside))
            last = found[-1] if found else None
            if last and (last.phase, last.end, last.taps) == (row.phase, row.first, row.taps):
                found[-1] = RowRange(row.phase, last.first, row.end, row.offset, row.taps)
            else:
                found.append(row)
    return found


def columns_of(site: Site) -> Columns:
    """The same for all rows."""
    operator, width = transpose_conv_of(site), site.inputs[0].shape[2]
    reach = [distance for _, _, distance in _column_taps(site)]
    least, most = min(reach), max(reach)
    steps = operator.size[1] // operator.strides[1]
    return Columns(most - least + 1, least, -least, steps - 1 + most - (width - 1))


def plain_site(site: Site, rows: RowRange) -> Site:
    """One output row of the range, as a plain convolution with a constant window."""
    operator = transpose_conv_of(site)
    image, weights, bias = site.inputs
    assert weights.data is not None and bias.data is not None
    columns, stride = columns_of(site), operator.strides[1]
    steps, channels = operator.size[1] // stride, weights.shape[0]
    plain = Conv2D(
        name=operator.name,
        inputs=(IMAGE, "weights", "bias"),
        outputs=(ROWS,),
        strides=(1, 1),
        padding=Padding(left=columns.left, right=columns.right),
        dilation=(1, 1),
        input_zero_point=operator.input_zero_point,
        requantization=_repeated(operator.requantization, stride),
        output_zero_point=operator.output_zero_point,
        clamp=operator.clamp,
    )
    inputs = (
        Tensor(IMAGE, (1, len(rows.taps), image.shape[2], image.shape[3]), "int8", image.quantization),
        constant("weights", _window(site, rows, weights.data)),
        constant("bias", np.tile(bias.data, stride)),
    )
    output = Tensor(ROWS, (1, 1, steps, stride * channels), "int8", site.outputs[0].quantization)
    return Site(plain, inputs, (output,), site.core)


def _column_taps(site: Site) -> list[tuple[int, int, int]]:
    """(column within a stride, column of the window, distance from the step to the input's column)."""
    operator = transpose_conv_of(site)
    stride, crop = operator.strides[1], operator.crop[1]
    return [
        (phase, tap, (phase + crop - tap) // stride)
        for phase in range(stride)
        for tap in range(site.inputs[1].shape[2])
        if (phase + crop - tap) % stride == 0
    ]


def _window(site: Site, rows: RowRange, weights: Array) -> Array:
    """OHWI; output channels are [column within a stride, channel]. Where a column has no tap, there are zeros."""
    columns, stride = columns_of(site), transpose_conv_of(site).strides[1]
    channels, in_channels = weights.shape[0], weights.shape[3]
    window = np.zeros((stride, channels, len(rows.taps), columns.width, in_channels), dtype=np.int8)
    for phase, tap, distance in _column_taps(site):
        window[phase, :, :, distance - columns.least] = weights[:, list(rows.taps), tap]
    return window.reshape(stride * channels, len(rows.taps), columns.width, in_channels)


def _repeated(requantization: Requantization, times: int) -> Requantization:
    if len(requantization.multipliers) == 1:
        return requantization
    return Requantization(requantization.multipliers * times, requantization.shifts * times, requantization.rounding)
