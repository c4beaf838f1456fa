"""STRIDED_SLICE with all its masks.

Each entry of begin, end and strides is a slice of one axis, an index (which drops the axis), a new axis of extent one,
or the ellipsis, which stands for as many whole axes as are left over. Source: LiteRT kernels/strided_slice.cc.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import tflite

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.axes import constant_vector
from utvm.model.operator_types import Operator, Reshape, StridedSlice
from utvm.model.tensor import Tensor


@dataclass
class _Taken:
    """What is taken of the axes so far, and the shape that comes out."""

    begin: list[int] = field(default_factory=list)
    strides: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    shape: list[int] = field(default_factory=list)

    def take(self, begin: int, stride: int, count: int) -> None:
        self.begin.append(begin)
        self.strides.append(stride if count > 1 else 1)
        self.counts.append(count)

    def take_whole(self, extent: int) -> None:
        self.take(0, 1, extent)
        self.shape.append(extent)


def strided_slice(node: Node) -> list[Operator]:
    """Constant begin, end and strides."""
    if node.options(tflite.StridedSliceOptions).Offset():
        raise Unsupported("ends given as offsets from begin are not supported")
    source, output = node.input(0), node.output()
    taken = _taken(node, source)
    sliced = StridedSlice(
        name=node.name,
        inputs=(source.name,),
        outputs=(output.name,),
        begin=tuple(taken.begin),
        strides=tuple(taken.strides),
        shape=tuple(taken.counts),
    )
    if taken.shape == taken.counts:
        return [sliced]
    part = node.add_tensor("part", sliced.shape, source.dtype, source.quantization)
    return [
        StridedSlice(
            name=f"{node.name}/slice",
            inputs=sliced.inputs,
            outputs=(part,),
            begin=sliced.begin,
            strides=sliced.strides,
            shape=sliced.shape,
        ),
        Reshape(name=node.name, inputs=(part,), outputs=(output.name,), shape=tuple(taken.shape)),
    ]


def _taken(node: Node, source: Tensor) -> _Taken:
    options = node.options(tflite.StridedSliceOptions)
    begin, end, strides = (constant_vector(node, index) for index in (1, 2, 3))
    if not len(begin) == len(end) == len(strides):
        raise node.malformed(f"begin, end and strides have {len(begin)}, {len(end)} and {len(strides)} entries")
    entries = range(len(begin))
    ellipses = [entry for entry in entries if options.EllipsisMask() >> entry & 1]
    new_axes = [entry for entry in entries if options.NewAxisMask() >> entry & 1 and entry not in ellipses]
    left_over = len(source.shape) - (len(begin) - len(ellipses) - len(new_axes))
    if left_over < 0 or len(ellipses) > 1:
        raise node.malformed(f"{len(begin)} entries with {len(ellipses)} ellipses do not fit {source}")
    if ellipses and left_over == 0:
        raise Unsupported("an ellipsis stands for no axis, which LiteRT reads otherwise than TensorFlow")
    taken = _Taken()
    for entry in entries:
        axis = len(taken.counts)
        if entry in ellipses:
            for extent in source.shape[axis : axis + left_over]:
                taken.take_whole(extent)
        elif entry in new_axes:
            taken.shape.append(1)
        else:
            first, stride = _first(node, source.shape[axis], begin[entry], strides[entry], options.BeginMask() >> entry)
            if options.ShrinkAxisMask() >> entry & 1:
                _take_index(node, taken, source.shape[axis], first, stride)
            else:
                last = _end(source.shape[axis], end[entry], stride, options.EndMask() >> entry)
                _take_slice(node, taken, range(first, last, stride))
    for extent in source.shape[len(taken.counts) :]:
        taken.take_whole(extent)
    return taken


def _first(node: Node, extent: int, begin: int, stride: int, mask: int) -> tuple[int, int]:
    """The first index, which may lie just outside the axis, and the stride."""
    if stride == 0:
        raise node.malformed("a stride is zero")
    if mask & 1:
        return (0 if stride > 0 else extent - 1), stride
    return _limited(extent, begin, stride), stride


def _end(extent: int, end: int, stride: int, mask: int) -> int:
    """The index behind the last in the direction of the stride."""
    if mask & 1:
        return extent if stride > 0 else -1
    return _limited(extent, end, stride)


def _limited(extent: int, index: int, stride: int) -> int:
    index = index + extent if index < 0 else index
    return min(max(index, 0), extent) if stride > 0 else min(max(index, -1), extent - 1)


def _take_index(node: Node, taken: _Taken, extent: int, index: int, stride: int) -> None:
    if stride < 0 or not 0 <= index < extent:
        raise node.malformed(f"an index lies outside its axis of {extent}, or has a negative stride")
    taken.take(index, 1, 1)


def _take_slice(node: Node, taken: _Taken, indices: range) -> None:
    if not indices:
        raise node.malformed("a slice is empty")
    taken.take(indices.start, indices.step, len(indices))
    taken.shape.append(len(indices))
