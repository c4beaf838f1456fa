"""SLICE, SPLIT, SPLIT_V and UNPACK."""

from __future__ import annotations

import tflite

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.axes import axis_of, constant_scalar, constant_vector
from utvm.importers.tflite.rows.scales import same_quantization
from utvm.model.operator_types import Operator, Reshape, StridedSlice
from utvm.model.tensor import Tensor


def slice_(node: Node) -> list[Operator]:
    """A block of `size` elements from `begin`; a size of -1 reaches to the end of its axis."""
    source = node.input(0)
    begin = constant_vector(node, 1, "int32", "int64")
    size = constant_vector(node, 2, "int32", "int64")
    if not len(begin) == len(size) == len(source.shape):
        raise node.malformed(f"begin {list(begin)} and size {list(size)} do not have the axes of {source}")
    limits = zip(begin, size, source.shape, strict=True)
    shape = tuple(extent - first if count == -1 else count for first, count, extent in limits)
    for first, count, extent in zip(begin, shape, source.shape, strict=True):
        if not (first >= 0 and count > 0 and first + count <= extent):
            raise node.malformed(f"{count} elements from {first} do not lie in the {extent} of an axis")
    return [_block(node.name, source.name, node.output().name, begin, shape)]


def split(node: Node) -> list[Operator]:
    """Equal parts along an axis."""
    source = node.input(1)
    axis = axis_of(node, constant_scalar(node, 0), len(source.shape))
    parts = node.options(tflite.SplitOptions).NumSplits()
    if parts != node.output_count or parts < 1 or source.shape[axis] % parts:
        raise node.malformed(f"axis {axis} of {source} does not split into {parts} parts, {node.output_count} outputs")
    return _parts(node, source, axis, [source.shape[axis] // parts] * parts)


def split_v(node: Node) -> list[Operator]:
    """Parts of stated extents along an axis; one of them may be -1."""
    source = node.input(0)
    axis = axis_of(node, constant_scalar(node, 2), len(source.shape))
    stated = node.constant_input(1)
    if stated.dtype.name not in ("int32", "int64") or stated.shape != (node.output_count,):
        raise node.malformed(f"the extents of {node.output_count} parts are {stated.dtype.name}{list(stated.shape)}")
    extents = [int(extent) for extent in stated]
    if extents.count(-1) == 1:
        extents[extents.index(-1)] = source.shape[axis] - sum(extents) - 1
    if min(extents, default=0) < 1 or sum(extents) != source.shape[axis]:
        raise node.malformed(f"axis {axis} of {source} does not split into {[int(extent) for extent in stated]}")
    return _parts(node, source, axis, extents)


def unpack(node: Node) -> list[Operator]:
    """One output per index of an axis, which the outputs do not have."""
    options = node.options(tflite.UnpackOptions)
    source = node.input(0)
    axis = axis_of(node, options.Axis(), len(source.shape))
    count = source.shape[axis]
    if not count == options.Num() == node.output_count:
        raise node.malformed(f"axis {axis} of {source} does not unpack into {node.output_count} outputs")
    part_shape = (*source.shape[:axis], 1, *source.shape[axis + 1 :])
    operators: list[Operator] = []
    for index in range(count):
        output = node.output(index)
        if not same_quantization(source, output):
            raise Unsupported(f"output {index} ({output.name}) is quantized otherwise than the input")
        part = node.add_tensor(f"part{index}", part_shape, source.dtype, source.quantization)
        begin = tuple(index if position == axis else 0 for position in range(len(source.shape)))
        shape = (*source.shape[:axis], *source.shape[axis + 1 :])
        operators.append(_block(f"{node.name}/{index}", source.name, part, begin, part_shape))
        operators.append(
            Reshape(name=f"{node.name}/{index}/reshape", inputs=(part,), outputs=(output.name,), shape=shape)
        )
    return operators


def _parts(node: Node, source: Tensor, axis: int, extents: list[int]) -> list[Operator]:
    operators: list[Operator] = []
    position = 0
    for index, extent in enumerate(extents):
        begin = tuple(position if other == axis else 0 for other in range(len(source.shape)))
        shape = (*source.shape[:axis], extent, *source.shape[axis + 1 :])
        operators.append(_block(f"{node.name}/{index}", source.name, node.output(index).name, begin, shape))
        position += extent
    return operators


def _block(name: str, source: str, output: str, begin: tuple[int, ...], shape: tuple[int, ...]) -> Operator:
    """Neighbouring elements: a slice with strides of one."""
    return StridedSlice(
        name=name,
        inputs=(source,),
        outputs=(output,),
        begin=begin,
        strides=(1,) * len(shape),
        shape=shape,
    )
