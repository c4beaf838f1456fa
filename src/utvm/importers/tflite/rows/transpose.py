"""TRANSPOSE."""

from __future__ import annotations

from utvm.importers.tflite.node import Node
from utvm.importers.tflite.rows.axes import axis_of, constant_vector
from utvm.model.operator_types import Operator, Transpose


def transpose(node: Node) -> list[Operator]:
    """Axes in a constant order."""
    source = node.input(0)
    rank = len(source.shape)
    permutation = tuple(axis_of(node, axis, rank) for axis in constant_vector(node, 1))
    if sorted(permutation) != list(range(rank)):
        raise node.malformed(f"{list(permutation)} does not order the axes of {source}")
    return [Transpose(name=node.name, inputs=(source.name,), outputs=(node.output().name,), permutation=permutation)]
