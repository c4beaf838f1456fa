"""RESHAPE, SQUEEZE and EXPAND_DIMS, which all become Reshape."""

from __future__ import annotations

import math

import tflite

from utvm.importers.tflite.node import Node
from utvm.importers.tflite.rows.axes import axis_of, constant_scalar, constant_vector, option_integers
from utvm.model.operator_types import Operator, Reshape
from utvm.model.tensor import Tensor


def _reshape(node: Node, source: Tensor, shape: tuple[int, ...]) -> list[Operator]:
    return [Reshape(name=node.name, inputs=(source.name,), outputs=(node.output().name,), shape=shape)]


def reshape(node: Node) -> list[Operator]:
    """The shape is a constant int32 vector, or in the options of older files; one extent may be -1.

    Source: LiteRT kernels/reshape.cc.
    """
    source, shape_tensor = node.input(0), node.optional_input(1)
    if shape_tensor is not None and shape_tensor.dtype == "int32" and len(shape_tensor.shape) == 1:
        shape = constant_vector(node, 1)
    else:
        shape = option_integers(node, node.options(tflite.ReshapeOptions), "NewShape")
        if shape == (0,):  # how old files say scalar
            shape = ()
    return _reshape(node, source, _resolved(node, source, shape))


def _resolved(node: Node, source: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with the extent that is -1, if any, computed from the others."""
    known = math.prod(extent for extent in shape if extent != -1)
    if shape.count(-1) > 1 or known < 1 or min(shape, default=1) < -1 or source.element_count % known:
        raise node.malformed(f"{source} cannot take the shape {list(shape)}")
    return tuple(source.element_count // known if extent == -1 else extent for extent in shape)


def squeeze(node: Node) -> list[Operator]:
    """Axes of extent one are dropped: those the options name, or all."""
    source = node.input(0)
    rank = len(source.shape)
    stated = option_integers(node, node.options(tflite.SqueezeOptions), "SqueezeDims")
    dropped = {axis_of(node, axis, rank) for axis in stated}
    for axis in dropped:
        if source.shape[axis] != 1:
            raise node.malformed(f"axis {axis} of {source} cannot be squeezed: its extent is not 1")
    if not stated:
        dropped = {axis for axis, extent in enumerate(source.shape) if extent == 1}
    return _reshape(node, source, tuple(extent for axis, extent in enumerate(source.shape) if axis not in dropped))


def expand_dims(node: Node) -> list[Operator]:
    """A new axis of extent one before the axis that a constant names."""
    source = node.input(0)
    axis = axis_of(node, constant_scalar(node, 1, "int32", "int64"), len(source.shape) + 1)
    return _reshape(node, source, (*source.shape[:axis], 1, *source.shape[axis:]))
