"""Deterministic damage to .tflite files: what a broken download, a bad tool or an attacker would do to them."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tflite

INTERESTING_BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFF)
INTERESTING_WORDS = (
    0, 1, 2, 3, 4, 5, 8, 9, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 1 << 24, 1 << 28, 1 << 30,
    0x7FFFFFFF, 0x80000000, 0x80000001, 0xFFFFFF80, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF,
    0x3F800000, 0x00000001, 0x00800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0xBF800000,  # floats
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Where a file's structure is, as positions in it.

    `lengths`: of vectors. `values`: numbers that mean something to an operator (extents, scales, zero points, tensor
    indices, options, axes and paddings). `structure`: all bytes that are not weights.
    """

    lengths: tuple[int, ...]
    values: tuple[int, ...]
    structure: tuple[int, ...]


# Per table its vectors of numbers or tables: slot in the vtable, bytes per number (0: entries are offsets).
_VECTORS: dict[str, dict[int, int]] = {
    "Model": {6: 0, 8: 0, 12: 0},  # operator codes, subgraphs, buffers
    "SubGraph": {4: 0, 6: 4, 8: 4, 10: 0},  # tensors, inputs, outputs, operators
    "Tensor": {4: 4},  # shape
    "QuantizationParameters": {8: 4, 10: 8},  # scales, zero points
    "Operator": {6: 4, 8: 4, 20: 4},  # inputs, outputs, intermediates
    "Buffer": {4: 1},  # data
    "ReshapeOptions": {4: 4},
    "SqueezeOptions": {4: 4},
    "VarHandleOptions": {4: 1, 6: 1},  # container, shared name
}
_LARGEST_PARAMETER_BYTES = 64  # data up to this size are axes, paddings or biases rather than weights


class _Walk:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.lengths: set[int] = set()
        self.values: set[int] = set()
        self.bytes: set[int] = set(range(8))

    def table(self, table: Any) -> Any:
        """Note the table, its vtable and its vectors."""
        kind, tab = type(table).__name__, table._tab
        vtable = tab.Pos - struct.unpack_from("<i", self.data, tab.Pos)[0]
        vtable_bytes, table_bytes = struct.unpack_from("<HH", self.data, vtable)
        self.bytes.update(range(vtable, vtable + vtable_bytes))
        self.bytes.update(range(tab.Pos, tab.Pos + table_bytes))
        if kind.endswith("Options"):
            slots = struct.unpack_from(f"<{vtable_bytes // 2 - 2}H", self.data, vtable + 4)
            self.values.update(tab.Pos + slot for slot in slots if slot)
        for slot, item_bytes in _VECTORS.get(kind, {}).items():
            if tab.Offset(slot):
                self._vector(tab.Vector(tab.Offset(slot)), tab.VectorLen(tab.Offset(slot)), item_bytes)
        return table

    def _vector(self, start: int, length: int, item_bytes: int) -> None:
        self.lengths.add(start - 4)
        end = start + length * (item_bytes or 4)
        if item_bytes == 1 and length > _LARGEST_PARAMETER_BYTES:
            end = start
        elif item_bytes:
            self.values.update(range(start, end, max(item_bytes, 4)))
        self.bytes.update(range(start - 4, end))


def layout_of(data: bytes) -> Layout:
    """Walk an intact file."""
    walk = _Walk(data)
    model = walk.table(tflite.Model.GetRootAs(data))
    for index in range(model.OperatorCodesLength()):
        walk.table(model.OperatorCodes(index))
    for index in range(model.BuffersLength()):
        walk.table(model.Buffers(index))
    for index in range(model.SubgraphsLength()):
        _walk_graph(walk, walk.table(model.Subgraphs(index)))
    return Layout(tuple(sorted(walk.lengths)), tuple(sorted(walk.values)), tuple(sorted(walk.bytes)))


def _walk_graph(walk: _Walk, graph: Any) -> None:
    for index in range(graph.TensorsLength()):
        quantization = walk.table(graph.Tensors(index)).Quantization()
        if quantization is not None:
            walk.table(quantization)
    for index in range(graph.OperatorsLength()):
        operator = walk.table(graph.Operators(index))
        kind = next((k for k, v in vars(tflite.BuiltinOptions).items() if v == operator.BuiltinOptionsType()), "NONE")
        union = operator.BuiltinOptions()
        if union is not None and kind != "NONE":
            options = getattr(tflite, kind)()
            options.Init(union.Bytes, union.Pos)
            walk.table(options)


def _position(data: bytearray, layout: Layout, generator: random.Random) -> int:
    """Nine times in ten a byte of the structure, else any."""
    if generator.random() < 0.9:
        return generator.choice(layout.structure)
    return generator.randrange(len(data))


def _flip_bit(data: bytearray, layout: Layout, generator: random.Random) -> None:
    data[_position(data, layout, generator)] ^= 1 << generator.randrange(8)


def _overwrite_byte(data: bytearray, layout: Layout, generator: random.Random) -> None:
    data[_position(data, layout, generator)] = generator.choice(INTERESTING_BYTES)


def _overwrite_word(data: bytearray, layout: Layout, generator: random.Random) -> None:
    position = min(_position(data, layout, generator) & ~3, len(data) - 4)
    word = generator.choice(INTERESTING_WORDS) if generator.random() < 0.8 else generator.randrange(len(data))
    struct.pack_into("<I", data, position, word)


def _edit_value(data: bytearray, layout: Layout, generator: random.Random) -> None:
    position = min(generator.choice(layout.values), len(data) - 4)
    (value,) = struct.unpack_from("<I", data, position)
    neighbours = [value + 1, value - 1, 2 * value, value // 2, -value]
    edited = generator.choice(neighbours if generator.random() < 0.4 else INTERESTING_WORDS)
    struct.pack_into("<I", data, position, edited & 0xFFFFFFFF)


def _edit_vector_length(data: bytearray, layout: Layout, generator: random.Random) -> None:
    position = generator.choice(layout.lengths)
    (length,) = struct.unpack_from("<I", data, position)
    edited = generator.choice([0, 1, length - 1, length + 1, 2 * length, length // 2, *INTERESTING_WORDS])
    struct.pack_into("<I", data, position, edited & 0xFFFFFFFF)


def _truncate(data: bytearray, layout: Layout, generator: random.Random) -> None:
    del layout, data[generator.randrange(len(data)) :]


def _insert(data: bytearray, layout: Layout, generator: random.Random) -> None:
    position = _position(data, layout, generator)
    data[position:position] = bytes(generator.choice(INTERESTING_BYTES) for _ in range(generator.choice((1, 4, 64))))


def _copy_block(data: bytearray, layout: Layout, generator: random.Random) -> None:
    size = generator.choice((2, 4, 8, 16, 64))
    source, target = _position(data, layout, generator), _position(data, layout, generator)
    block = data[source : source + size]
    data[target : target + len(block)] = block


Mutation = Callable[[bytearray, Layout, random.Random], None]

# Damage in place keeps most of the file intact and so reaches deepest; it comes more often.
_MUTATIONS: tuple[tuple[Mutation, int], ...] = (
    (_flip_bit, 3),
    (_overwrite_byte, 3),
    (_overwrite_word, 6),
    (_edit_value, 9),
    (_edit_vector_length, 3),
    (_copy_block, 3),
    (_truncate, 1),
    (_insert, 1),
)


def mutate(data: bytes, layout: Layout, seed: int) -> bytes:
    """One damaged copy of `data`, the same for the same seed: one to three mutations."""
    generator = random.Random(seed)
    mutant = bytearray(data)
    kinds, weights = zip(*_MUTATIONS, strict=True)
    for kind in generator.choices(kinds, weights, k=generator.choice((1, 1, 1, 2, 3))):
        if len(mutant) < len(data):  # after a truncation the layout no longer holds
            break
        kind(mutant, layout, generator)
    return bytes(mutant)
