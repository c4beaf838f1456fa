"""Nearest-neighbour resize. LiteRT source: reference_ops::ResizeNearestNeighbor."""

from __future__ import annotations

import numpy as np

from utvm.model.operator_types import Operator, ResizeNearest
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import require_rank, sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, require

# What the tables of 16-bit indices below can name; larger images do not fit a microcontroller.
MAX_EXTENT = 1 << 15


def nearest_indices(extent: int, size: int, align_corners: bool, half_pixel_centers: bool) -> Array:
    """For each of `size` outputs along an axis, the input index it copies (int16). Float32 arithmetic, as LiteRT's."""
    aligned = align_corners and size > 1
    scale = np.float32(extent - 1 if aligned else extent) / np.float32(size - 1 if aligned else size)
    offset = np.float32(0.5 if half_pixel_centers else 0.0)
    positions = (np.arange(size, dtype=np.float32) + offset) * scale
    # Positions are not negative, so rounding halves away from zero is rounding them up.
    whole = np.floor(positions.astype(np.float64) + (0.5 if align_corners else 0.0))
    return np.asarray(np.minimum(whole, extent - 1), dtype=np.int16)


class ResizeNearestRule(OperatorRule[ResizeNearest]):
    """NHWC images of any dtype."""

    def infer(self, operator: ResizeNearest, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs)
        require_resizable(operator, source, operator.size)
        return (TensorType((source.shape[0], *operator.size, source.shape[3]), source.dtype),)

    def reference(self, operator: ResizeNearest, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        rows, columns = _indices(operator, inputs[0].shape)
        return (inputs[0][:, rows][:, :, columns],)

    def kernel(self, operator: ResizeNearest, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        row_indices, column_indices = _indices(operator, inputs[0].shape)
        batch, height, width, channels = outputs[0].shape
        with KernelBuilder("resize_nearest", operator) as k:
            x = k.input("input", inputs[0])
            rows = k.constant("rows", row_indices)
            columns = k.constant("columns", column_indices)
            out = k.output("output", outputs[0])
            with k.loops(n=batch, oy=height, ox=width, c=channels) as (n, oy, ox, c):
                k.store(out, [n, oy, ox, c], x[n, k.wide(rows[oy]), k.wide(columns[ox]), c])
        return k.finish()


def require_resizable(operator: Operator, source: Tensor, size: tuple[int, int]) -> None:
    """Raise ModelError unless the source is NHWC and heights and widths are positive and within MAX_EXTENT."""
    require_rank(operator, source, 4)
    extents = (*source.shape[1:3], *size)
    require(all(0 < extent <= MAX_EXTENT for extent in extents), operator, f"{source} cannot be resized to {size}")


def _indices(operator: ResizeNearest, shape: tuple[int, ...]) -> tuple[Array, Array]:
    corners, centers = operator.align_corners, operator.half_pixel_centers
    return (
        nearest_indices(shape[1], operator.size[0], corners, centers),
        nearest_indices(shape[2], operator.size[1], corners, centers),
    )
