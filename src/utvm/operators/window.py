"""Geometry of sliding windows, shared by convolutions and pools."""

from __future__ import annotations

from typing import Any

from utvm.model.operator_types import Padding
from utvm.operators.kernel_builder import KernelBuilder


def output_extent(extent: int, before: int, after: int, window: int, stride: int, dilation: int = 1) -> int:
    """Window positions along one axis; below one when the window does not fit."""
    return (extent + before + after - (window - 1) * dilation - 1) // stride + 1


def output_size(
    height: int,
    width: int,
    padding: Padding,
    window: tuple[int, int],
    strides: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[int, int]:
    """Height and width of the output image."""
    return (
        output_extent(height, padding.top, padding.bottom, window[0], strides[0], dilation[0]),
        output_extent(width, padding.left, padding.right, window[1], strides[1], dilation[1]),
    )


def tap_range(
    k: KernelBuilder,
    name: str,
    position: Any,
    positions: int,
    stride: int,
    before: int,
    dilation: int,
    window: int,
    extent: int,
) -> tuple[Any, Any]:
    """First tap and the one behind the last that fall inside an axis of `extent` elements, as kernel expressions.

    Taps outside contribute nothing, so kernels loop over these alone. Literal bounds where no tap of any of the
    `positions` can fall outside.
    """
    first: Any = 0
    last: Any = window
    origin = position * stride - before
    if before > 0:
        outside = k.maximum(0 - origin, 0)
        first = k.local(f"{name}_begin", k.quotient(outside + (dilation - 1), dilation)).value
    if (positions - 1) * stride - before + (window - 1) * dilation >= extent:
        inside = k.quotient(extent - origin + (dilation - 1), dilation)
        last = k.local(f"{name}_end", k.minimum(inside, window)).value
    return first, last
