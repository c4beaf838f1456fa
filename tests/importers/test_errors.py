"""A damaged .tflite file has a clear error: the file, the place in it, the problem. Here: the file and its tables."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from tests.importers import damage
from tests.importers.damage import (
    alias,
    append_vector,
    conv_model,
    field,
    first,
    graph,
    put,
    refusal,
    relu_model,
    root,
    vector,
)
from tests.litert import ModelBuilder
from utvm.importers.tflite import import_tflite
from utvm.importers.tflite.reader import MAX_OPERATORS, MAX_TENSORS
from utvm.operators import check_model

CONV = conv_model()
RELU = relu_model()
FAR = 0x7FFFFFF0


def test_the_intact_models_import() -> None:
    for data in (CONV, RELU):
        check_model(import_tflite(data, "good.tflite"))


# -- the file as a whole -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(0, len(CONV), 7))
def test_truncated(size: int) -> None:
    message = refusal(CONV[:size])
    assert "too few" in message or "corrupted or truncated" in message


def test_another_format() -> None:
    assert "the identifier at byte 4 is b'ONNX'" in refusal(put(CONV, 4, "I", int.from_bytes(b"ONNX", "little")))


def test_too_large() -> None:
    assert "over 128 MiB, which no microcontroller holds" in refusal(bytes((1 << 27) + 1))


def test_schema_version() -> None:
    assert "schema version 2" in refusal(put(CONV, field(root(CONV), damage.VERSION), "I", 2))


def test_no_subgraph() -> None:
    assert "there is no subgraph" in refusal(put(CONV, vector(root(CONV), damage.SUBGRAPHS), "I", 0))


# -- tables and vectors ------------------------------------------------------------------------------------------------


TABLES = {
    "the root table": lambda data: put(data, 0, "I", FAR),
    "the main subgraph": lambda data: put(data, first(root(data), damage.SUBGRAPHS), "I", FAR),
    "tensor 0": lambda data: put(data, first(graph(data), damage.TENSORS), "I", 0xFFFFFFFF),
    "operator 0": lambda data: put(data, first(graph(data), damage.OPERATORS), "I", FAR),
    "operator code 0": lambda data: put(data, first(root(data), damage.OPERATOR_CODES), "I", FAR),
    "buffer 1 of tensor 1 (w)": lambda data: put(data, first(root(data), damage.BUFFERS) + 4, "I", FAR),
    "the quantization of tensor 0 (x)": lambda data: put(
        data, field(graph(data).Tensors(0), damage.QUANTIZATION), "I", 0xFFFFFFFF
    ),
    "the sparsity of tensor 2 (b)": lambda data: alias(
        put(data, field(graph(data).Tensors(2), damage.QUANTIZATION), "I", 0xFFFFFFF0),
        graph(data).Tensors(2),
        damage.SPARSITY,
        damage.QUANTIZATION,
    ),
    "the name of tensor 0": lambda data: put(data, field(graph(data).Tensors(0), damage.NAME), "I", FAR),
}


@pytest.mark.parametrize("place", TABLES)
def test_table_outside_the_file(place: str) -> None:
    assert f"corrupted or truncated: {place} lies outside the file" in refusal(TABLES[place](CONV))


@pytest.mark.parametrize("distance", [FAR, -FAR, 0x7FFF, -0x7FFF])
def test_vtable_outside_the_file(distance: int) -> None:
    # A positive distance leads before the file, where Python would index from its end.
    position = graph(CONV).Tensors(2)._tab.Pos
    assert "tensor 2 lies outside the file" in refusal(put(CONV, position, "i", distance))


def test_options_outside_the_file() -> None:
    operator = graph(CONV).Operators(0)
    message = refusal(put(CONV, field(operator, damage.OPTIONS), "I", FAR))
    assert "operator 0 (CONV_2D, y): corrupted: its Conv2DOptions lie outside the file" in message


VECTORS: dict[str, Callable[[bytes], int]] = {
    "tensors": lambda data: vector(graph(data), damage.TENSORS),
    "operators": lambda data: vector(graph(data), damage.OPERATORS),
    "operator codes": lambda data: vector(root(data), damage.OPERATOR_CODES),
    "the model's inputs": lambda data: vector(graph(data), damage.INPUTS),
    "the model's outputs": lambda data: vector(graph(data), damage.OUTPUTS),
    "the shape of tensor 3 (y)": lambda data: vector(graph(data).Tensors(3), damage.SHAPE),
    "the scales of tensor 1 (w)": lambda data: vector(graph(data).Tensors(1).Quantization(), damage.SCALE),
    "the zero points of tensor 1 (w)": lambda data: vector(graph(data).Tensors(1).Quantization(), damage.ZERO_POINT),
    "the data of tensor 1 (w)": lambda data: vector(root(data).Buffers(1), damage.TENSORS),
    "the inputs of operator 0 (CONV_2D)": lambda data: vector(graph(data).Operators(0), damage.OPERATOR_INPUTS),
    "the outputs of operator 0 (CONV_2D)": lambda data: vector(graph(data).Operators(0), damage.OPERATOR_OUTPUTS),
}


@pytest.mark.parametrize("place", VECTORS)
@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x80000000, 0x10000])
def test_absurd_vector_length(place: str, length: int) -> None:
    message = refusal(put(CONV, VECTORS[place](CONV), "I", length))
    assert f"corrupted or truncated: {place}: {length} entries do not fit a file of {len(CONV)} bytes" in message


def test_vector_that_reaches_behind_the_file() -> None:
    behind = append_vector(CONV, field(graph(CONV), damage.INPUTS), b"\0" * 4, 50)
    assert "the model's inputs: the vector lies outside the file" in refusal(behind)


def test_vectors_that_overlap() -> None:
    builder = ModelBuilder()
    builder.output(builder.input("n" * 100_000, (1,), scale=0.1))
    for _ in range(50):
        builder.tensor("t", (1,))
    data = builder.finish()
    name = vector(graph(data).Tensors(0), damage.NAME)
    for index in range(1, 51):
        position = field(graph(data).Tensors(index), damage.NAME)
        data = put(data, position, "I", name - position)
    assert "the vectors together are several times larger than the file" in refusal(data)


@pytest.mark.parametrize(
    ("place", "slot", "limit"),
    [("tensors", damage.TENSORS, MAX_TENSORS), ("operators", damage.OPERATORS, MAX_OPERATORS)],
)
def test_too_many_of_one_table(place: str, slot: int, limit: int) -> None:
    # Thousands of entries that all lead to one table make a small file that is slow to read.
    count = limit + 1
    entries = b"".join(struct.pack("<I", 4 * (count - index)) for index in range(count))
    data = append_vector(CONV, field(graph(CONV), slot), entries + struct.pack("<iHH", -4, 4, 4), count)
    assert f"{place}: {count} entries; at most {limit} are supported" in refusal(data)
