"""Targeted damage to small .tflite models: single fields of single tables, by their slot in the schema."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tflite

from tests.litert import ModelBuilder, TensorHandle
from utvm.errors import ImportModelError
from utvm.importers.tflite import import_tflite

# Slots of fields in their tables' vtables, from the schema.
VERSION, OPERATOR_CODES, SUBGRAPHS, BUFFERS = 4, 6, 8, 12
TENSORS, INPUTS, OUTPUTS, OPERATORS = 4, 6, 8, 10
SHAPE, TYPE, BUFFER, NAME, QUANTIZATION, IS_VARIABLE, SPARSITY, HAS_RANK = 4, 6, 8, 10, 12, 14, 16, 20
SCALE, ZERO_POINT, DETAILS_TYPE, AXIS = 8, 10, 12, 16
OLD_CODE, CODE = 4, 10
OPCODE_INDEX, OPERATOR_INPUTS, OPERATOR_OUTPUTS, OPTIONS_TYPE, OPTIONS = 4, 6, 8, 10, 12


def conv_builder(
    x: dict[str, Any] | None = None, w: dict[str, Any] | None = None, y: dict[str, Any] | None = None
) -> tuple[ModelBuilder, list[TensorHandle]]:
    """A builder with tensors 0 to 3, x, weights w, bias b and y = conv(x); arguments change their quantization."""
    builder = ModelBuilder()
    image = builder.input("x", (1, 4, 4, 3), **{"scale": 0.05, "zero_point": 3, **(x or {})})
    weights = builder.constant("w", np.ones((2, 1, 1, 3), np.int8), **{"scale": [0.1, 0.2], **(w or {})})
    bias = builder.constant("b", np.ones(2, np.int32), scale=[0.005, 0.01])
    result = builder.tensor("y", (1, 4, 4, 2), **{"scale": 0.1, "zero_point": 0, **(y or {})})
    return builder, [image, weights, bias, result]


def conv_model(
    x: dict[str, Any] | None = None,
    w: dict[str, Any] | None = None,
    y: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
) -> bytes:
    """The model of `conv_builder` with options of its one operator."""
    builder, tensors = conv_builder(x, w, y)
    builder.operator("CONV_2D", tensors[:3], tensors[3:], {"StrideH": 1, "StrideW": 1, **(options or {})})
    builder.output(tensors[3])
    return builder.finish()


def relu_model(shape: Sequence[int] = (1, 8), dtype: str = "int8", name: str = "x") -> bytes:
    """y = relu(x) with tensors of any shape and dtype."""
    builder = ModelBuilder()
    x = builder.input(name, shape, dtype, scale=0.1)
    y = builder.tensor("y", shape, dtype, scale=0.1)
    builder.operator("RELU", [x], [y])
    builder.output(y)
    return builder.finish()


def root(data: bytes) -> Any:
    """The model table."""
    return tflite.Model.GetRootAs(data)


def graph(data: bytes) -> Any:
    """The main subgraph."""
    return root(data).Subgraphs(0)


def field(table: Any, slot: int) -> int:
    """Position of a field that the file states."""
    offset = table._tab.Offset(slot)
    assert offset, f"{type(table).__name__} does not state slot {slot}"
    return int(table._tab.Pos + offset)


def vector(table: Any, slot: int) -> int:
    """Position of a vector's length."""
    return int(table._tab.Vector(table._tab.Offset(slot))) - 4


def first(table: Any, slot: int) -> int:
    """Position of a vector's first entry."""
    return vector(table, slot) + 4


def put(data: bytes, position: int, layout: str, value: float) -> bytes:
    """A copy with one number overwritten, `layout` as in struct."""
    copy = bytearray(data)
    struct.pack_into(f"<{layout}", copy, position, value)
    return bytes(copy)


def alias(data: bytes, table: Any, slot: int, stated: int) -> bytes:
    """A copy in whose vtable the field `slot` is where the field `stated` is."""
    vtable = table._tab.Pos - struct.unpack_from("<i", data, table._tab.Pos)[0]
    return put(data, vtable + slot, "H", table._tab.Offset(stated))


def append_table(data: bytes, pointer: int, numbers: str, *values: int) -> bytes:
    """A copy where the offset at `pointer` leads to a new table behind the file, whose first field is in slot 4."""
    sizes = [struct.calcsize(f"<{kind}") for kind in numbers]
    places = [4 + sum(sizes[:index]) for index in range(len(sizes))]
    vtable = struct.pack(f"<{2 + len(places)}H", 4 + 2 * len(places), 4 + sum(sizes), *places)
    padding = b"\0" * (-len(data) % 8)
    start = len(data) + len(padding)
    table = struct.pack(f"<i{numbers}", len(vtable), *values)
    return put(data, pointer, "I", start + len(vtable) - pointer) + padding + vtable + table


def append_vector(data: bytes, pointer: int, content: bytes, length: int) -> bytes:
    """A copy where the offset at `pointer` leads to a new vector behind the file."""
    padding = b"\0" * (-len(data) % 8)
    start = len(data) + len(padding)
    return put(data, pointer, "I", start - pointer) + padding + struct.pack("<I", length) + content


def refusal(data: bytes) -> str:
    """The message by which the importer refuses a damaged file: one line that begins with the file's name."""
    with pytest.raises(ImportModelError) as caught:
        import_tflite(data, "bad.tflite")
    message = str(caught.value)
    assert message.startswith("bad.tflite: ")
    assert "\n" not in message
    return message
