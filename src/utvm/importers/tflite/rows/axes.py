"""Reading axes and extents, which files state as constants or options, within their bounds."""

from __future__ import annotations

from typing import Any

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.reader import MAX_RANK
from utvm.model.tensor import Array


def axis_of(node: Node, axis: int, rank: int) -> int:
    """The non-negative axis that `axis` names among `rank`, counting from the end when negative."""
    if not -rank <= axis < rank:
        raise node.malformed(f"axis {axis} does not exist among {rank}")
    return axis + rank if axis < 0 else axis


def option_integers(node: Node, options: Any, field: str) -> tuple[int, ...]:
    """A vector of an options table with at most one entry per axis; empty when the file leaves it out."""
    length = getattr(options, f"{field}Length")()
    if not 0 <= length <= MAX_RANK:
        raise node.malformed(f"{field} has {length} entries; at most {MAX_RANK} are supported")
    return tuple(int(getattr(options, field)(index)) for index in range(length))


def constant_integers(node: Node, index: int, *dtypes: str) -> Array:
    """A constant integer input, as int64; `dtypes` are those LiteRT accepts (int32 by default)."""
    data = node.constant_input(index)
    if data.size > 2 * MAX_RANK:  # before anything is done with what thousands of operators may name
        raise node.malformed(f"input {index} has {data.size} elements; at most two per axis are supported")
    accepted = dtypes or ("int32",)
    if data.dtype.name not in accepted:
        raise Unsupported(f"input {index} is {data.dtype.name}; supported: {', '.join(accepted)}")
    return data.astype("int64")


def constant_vector(node: Node, index: int, *dtypes: str) -> tuple[int, ...]:
    """A constant integer input with one axis of at most MAX_RANK entries."""
    values = constant_integers(node, index, *dtypes)
    if values.ndim != 1 or values.size > MAX_RANK:
        raise node.malformed(f"input {index} has shape {list(values.shape)}; it must be a vector of axes or extents")
    return tuple(int(value) for value in values)


def constant_scalar(node: Node, index: int, *dtypes: str) -> int:
    """A constant integer input with one element."""
    values = constant_integers(node, index, *dtypes)
    if values.size != 1:
        raise node.malformed(f"input {index} has {values.size} elements; it must be one number")
    return int(values.reshape(-1)[0])
