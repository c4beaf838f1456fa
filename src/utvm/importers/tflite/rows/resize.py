"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR."""

from __future__ import annotations

import tflite

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.axes import constant_vector
from utvm.model.operator_types import Operator, ResizeBilinear, ResizeNearest
from utvm.operators.resize_bilinear import sampling
from utvm.operators.resize_nearest import MAX_EXTENT


def _size(node: Node) -> tuple[int, int]:
    """The constant new height and width."""
    source, size = node.input(0), constant_vector(node, 1)
    node.require_rank(source, 4)
    if len(size) != 2 or min(size) < 1:
        raise node.malformed(f"{list(size)} is not a height and a width")
    if max(*size, *source.shape[1:3]) > MAX_EXTENT:
        raise Unsupported(f"{source} to {list(size)}: heights and widths above {MAX_EXTENT}")
    return size[0], size[1]


def resize_nearest(node: Node) -> list[Operator]:
    """Images of any dtype LiteRT copies."""
    options = node.options(tflite.ResizeNearestNeighborOptions)
    source = node.input(0)
    node.require_dtype(source, "int8", "uint8", "bool", "int16", "int32", "float32")
    return [
        ResizeNearest(
            name=node.name,
            inputs=(source.name,),
            outputs=(node.output().name,),
            size=_size(node),
            align_corners=bool(options.AlignCorners()),
            half_pixel_centers=bool(options.HalfPixelCenters()),
        )
    ]


def resize_bilinear(node: Node) -> list[Operator]:
    """int8 images."""
    options = node.options(tflite.ResizeBilinearOptions)
    source = node.input(0)
    node.require_dtype(source, "int8")
    size = _size(node)
    corners, centers = bool(options.AlignCorners()), bool(options.HalfPixelCenters())
    if corners and centers:
        raise node.malformed("it aligns corners and has half-pixel centers")
    for extent, new in zip(source.shape[1:3], size, strict=True):
        if not sampling(extent, new, corners, centers).reaches(new):
            raise Unsupported(f"{extent} elements stretched to {new} leave the axis in LiteRT's 10-bit arithmetic")
    return [
        ResizeBilinear(
            name=node.name,
            inputs=(source.name,),
            outputs=(node.output().name,),
            size=size,
            align_corners=corners,
            half_pixel_centers=centers,
        )
    ]
