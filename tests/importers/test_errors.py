"""Every class of bad .tflite file has its own clear error: the file, the place in it, the problem."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.importers import damage
from tests.importers.damage import (
    alias,
    append_table,
    append_vector,
    conv_builder,
    conv_model,
    field,
    graph,
    put,
    relu_model,
    root,
    vector,
)
from tests.litert import ModelBuilder
from utvm.errors import ImportModelError, UtvmError
from utvm.importers.tflite import import_tflite
from utvm.importers.tflite.reader import MAX_OPERATORS, MAX_TENSORS
from utvm.operators import check_model

CONV = conv_model()
RELU = relu_model()
FAR = 0x7FFFFFF0


def _error(data: bytes) -> str:
    with pytest.raises(ImportModelError) as caught:
        import_tflite(data, "bad.tflite")
    message = str(caught.value)
    assert message.startswith("bad.tflite: ")
    assert "\n" not in message
    return message


def test_the_intact_models_import() -> None:
    for data in (CONV, RELU):
        check_model(import_tflite(data, "good.tflite"))


# -- the file as a whole -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", range(0, len(CONV), 7))
def test_truncated(size: int) -> None:
    message = _error(CONV[:size])
    assert "too few" in message or "corrupted or truncated" in message


def test_another_format() -> None:
    assert "the identifier at byte 4 is b'ONNX'" in _error(put(CONV, 4, "I", int.from_bytes(b"ONNX", "little")))


def test_too_large() -> None:
    assert "over 128 MiB, which no microcontroller holds" in _error(bytes((1 << 27) + 1))


def test_schema_version() -> None:
    assert "schema version 2" in _error(put(CONV, field(root(CONV), damage.VERSION), "I", 2))


def test_no_subgraph() -> None:
    assert "there is no subgraph" in _error(put(CONV, vector(root(CONV), damage.SUBGRAPHS), "I", 0))


# -- tables and vectors ------------------------------------------------------------------------------------------------


def _first(table: object, slot: int) -> int:
    return vector(table, slot) + 4


TABLES = {
    "the root table": lambda data: put(data, 0, "I", FAR),
    "the main subgraph": lambda data: put(data, _first(root(data), damage.SUBGRAPHS), "I", FAR),
    "tensor 0": lambda data: put(data, _first(graph(data), damage.TENSORS), "I", 0xFFFFFFFF),
    "operator 0": lambda data: put(data, _first(graph(data), damage.OPERATORS), "I", FAR),
    "operator code 0": lambda data: put(data, _first(root(data), damage.OPERATOR_CODES), "I", FAR),
    "buffer 1 of tensor 1 (w)": lambda data: put(data, _first(root(data), damage.BUFFERS) + 4, "I", FAR),
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
    assert f"corrupted or truncated: {place} lies outside the file" in _error(TABLES[place](CONV))


@pytest.mark.parametrize("distance", [FAR, -FAR, 0x7FFF, -0x7FFF])
def test_vtable_outside_the_file(distance: int) -> None:
    # A positive distance leads before the file, where Python would index from its end.
    position = graph(CONV).Tensors(2)._tab.Pos
    assert "tensor 2 lies outside the file" in _error(put(CONV, position, "i", distance))


def test_options_outside_the_file() -> None:
    operator = graph(CONV).Operators(0)
    message = _error(put(CONV, field(operator, damage.OPTIONS), "I", FAR))
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
    message = _error(put(CONV, VECTORS[place](CONV), "I", length))
    assert f"corrupted or truncated: {place}: {length} entries do not fit a file of {len(CONV)} bytes" in message


def test_vector_that_reaches_behind_the_file() -> None:
    behind = append_vector(CONV, field(graph(CONV), damage.INPUTS), b"\0" * 4, 50)
    assert "the model's inputs: the vector lies outside the file" in _error(behind)


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
    assert "the vectors together are several times larger than the file" in _error(data)


@pytest.mark.parametrize(
    ("place", "slot", "limit"),
    [("tensors", damage.TENSORS, MAX_TENSORS), ("operators", damage.OPERATORS, MAX_OPERATORS)],
)
def test_too_many_of_one_table(place: str, slot: int, limit: int) -> None:
    # Thousands of entries that all lead to one table make a small file that is slow to read.
    count = limit + 1
    entries = b"".join(struct.pack("<I", 4 * (count - index)) for index in range(count))
    data = append_vector(CONV, field(graph(CONV), slot), entries + struct.pack("<iHH", -4, 4, 4), count)
    assert f"{place}: {count} entries; at most {limit} are supported" in _error(data)


# -- tensors -----------------------------------------------------------------------------------------------------------


def test_negative_extent() -> None:
    data = put(CONV, vector(graph(CONV).Tensors(0), damage.SHAPE) + 8, "i", -4)
    assert "tensor 0 (x): shape [1, -4, 4, 3] has a negative extent" in _error(data)


@pytest.mark.parametrize("shape", [(1 << 27,), (0x7FFFFFFF,) * 8, (65536, 65536)])
def test_absurd_shape(shape: tuple[int, ...]) -> None:
    message = _error(relu_model(shape))
    assert "tensor 0 (x): int8[" in message
    assert "takes more than 64 MiB, which no microcontroller holds" in message


def test_wrong_buffer_size() -> None:
    data = put(CONV, vector(root(CONV).Buffers(1), damage.TENSORS), "I", 5)
    assert "tensor 1 (w): int8[2, 1, 1, 3] takes 6 bytes, its data has 5" in _error(data)


def test_missing_buffer() -> None:
    data = put(CONV, field(graph(CONV).Tensors(1), damage.BUFFER), "I", 77)
    assert "tensor 1 (w) names buffer 77, there are 3" in _error(data)


def test_buffer_behind_the_flatbuffer() -> None:
    data = append_table(CONV, _first(root(CONV), damage.BUFFERS) + 4, "IQQ", 0, 4096, 6)
    message = _error(data)
    assert "tensor 1 (w): its data lies behind the flatbuffer, which is not supported" in message
    assert "export the model without buffer offsets" in message


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), float("-inf"), 0.0, -0.5])
def test_scale_that_is_not_positive(scale: float) -> None:
    assert f"tensor 0 (x): its quantization scale {scale} is not a positive number" in _error(
        conv_model({"scale": scale})
    )


@pytest.mark.parametrize("scale", [float("nan"), -0.5])
def test_channel_scale_that_is_not_positive(scale: float) -> None:
    message = _error(conv_model(w={"scale": [0.1, scale]}))
    assert f"tensor 1 (w): its quantization scale {scale} is not a positive number" in message


def test_channel_scale_of_zero_is_a_dead_channel() -> None:
    check_model(import_tflite(conv_model(w={"scale": [0.1, 0.0]}), "dead.tflite"))


@pytest.mark.parametrize("scale", [1e-45, 1e-40, 1e-30, 3e38])
@pytest.mark.parametrize("tensor", ["x", "w", "y"])
@pytest.mark.parametrize("activation", ["NONE", "RELU6"])
def test_extreme_scales_end_in_a_model_or_a_clear_error(scale: float, tensor: str, activation: str) -> None:
    quantization: dict[str, dict[str, Any]] = {tensor: {"scale": scale}}
    try:
        check_model(
            import_tflite(conv_model(**quantization, options={"FusedActivationFunction": activation}), "bad.tflite")
        )
    except UtvmError as error:
        assert "scale" in str(error)


@pytest.mark.parametrize("zero_point", [128, -129, 1 << 31, -(1 << 62)])
def test_zero_point_outside_the_dtype(zero_point: int) -> None:
    message = _error(conv_model({"zero_point": zero_point}))
    assert f"tensor 0 (x): its zero point {zero_point} is outside int8, -128 to 127" in message


def test_number_of_scales() -> None:
    message = _error(conv_model(w={"scale": [0.1, 0.2, 0.3]}))
    assert "tensor 1 (w): 3 scales along axis 0 do not fit shape [2, 1, 1, 3]" in message


@pytest.mark.parametrize("axis", [-1, 1, 4, 0x7FFFFFFF])
def test_quantized_dimension_out_of_range(axis: int) -> None:
    assert f"tensor 1 (w): 2 scales along axis {axis} do not fit" in _error(conv_model(w={"axis": axis}))


def test_number_of_zero_points() -> None:
    for count in (0, 1):
        data = put(CONV, vector(graph(CONV).Tensors(1).Quantization(), damage.ZERO_POINT), "I", count)
        assert f"tensor 1 (w): 2 scales but {count} zero points" in _error(data)


# -- operators ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", [4, 0x7FFFFFFF, -2, -0x80000000])
def test_operator_names_a_tensor_that_is_not_there(index: int) -> None:
    data = put(CONV, vector(graph(CONV).Operators(0), damage.OPERATOR_INPUTS) + 4, "i", index)
    assert f"the inputs of operator 0 (CONV_2D) name tensor {index}, there are 4" in _error(data)


def test_optional_output() -> None:
    data = put(CONV, vector(graph(CONV).Operators(0), damage.OPERATOR_OUTPUTS) + 4, "i", -1)
    assert "the outputs of operator 0 (CONV_2D) name tensor -1" in _error(data)


def test_no_outputs() -> None:
    data = put(CONV, vector(graph(CONV).Operators(0), damage.OPERATOR_OUTPUTS), "I", 0)
    assert "operator 0 (CONV_2D) has no outputs" in _error(data)


def test_repeated_output() -> None:
    builder, tensors = conv_builder()
    builder.operator("CONV_2D", tensors[:3], [tensors[3], tensors[3]], {"StrideH": 1, "StrideW": 1})
    builder.output(tensors[3])
    assert "operator 0 (CONV_2D) has one tensor as several of its outputs" in _error(builder.finish())


def test_missing_input() -> None:
    builder, tensors = conv_builder()
    builder.operator("CONV_2D", [tensors[0], None, tensors[2]], tensors[3:], {"StrideH": 1, "StrideW": 1})
    builder.output(tensors[3])
    assert "operator 0 (CONV_2D, y): input 1 is missing" in _error(builder.finish())


def test_surplus_input() -> None:
    builder, tensors = conv_builder()
    builder.operator("CONV_2D", [*tensors[:3], tensors[0]], tensors[3:], {"StrideH": 1, "StrideW": 1})
    builder.output(tensors[3])
    assert "operator 0 (CONV_2D, y): input 3 (x) is one more than it takes" in _error(builder.finish())


def test_surplus_output() -> None:
    builder, tensors = conv_builder()
    spare = builder.tensor("spare", (1, 4, 4, 2), scale=0.1)
    builder.operator("CONV_2D", tensors[:3], [tensors[3], spare], {"StrideH": 1, "StrideW": 1})
    builder.output(tensors[3])
    assert "operator 0 (CONV_2D, y): output 1 (spare) is one more than it gives" in _error(builder.finish())


def test_operator_code_that_is_not_there() -> None:
    builder, tensors = conv_builder()
    relu = builder.tensor("z", (1, 4, 4, 2), scale=0.1)
    builder.operator("CONV_2D", tensors[:3], tensors[3:], {"StrideH": 1, "StrideW": 1})
    builder.operator("RELU", tensors[3:], [relu])
    builder.output(relu)
    data = builder.finish()
    data = put(data, field(graph(data).Operators(1), damage.OPCODE_INDEX), "I", 9)
    assert "operator 1 names operator code 9, there are 2" in _error(data)


def test_options_of_another_operator() -> None:
    data = put(CONV, field(graph(CONV).Operators(0), damage.OPTIONS_TYPE), "B", 9)
    message = _error(data)
    assert "operator 0 (CONV_2D, y): its options are SoftmaxOptions, not Conv2DOptions" in message


def test_missing_options() -> None:
    data = put(CONV, field(graph(CONV).Operators(0), damage.OPTIONS_TYPE), "B", 0)
    assert "operator 0 (CONV_2D, y): its options are NONE, not Conv2DOptions" in _error(data)


@pytest.mark.parametrize("option", ["StrideH", "StrideW", "DilationHFactor", "DilationWFactor"])
@pytest.mark.parametrize("value", [0, -1, 0x7FFFFFFF, -0x80000000])
def test_option_integers_out_of_range(option: str, value: int) -> None:
    message = _error(conv_model(options={option: value}))
    assert "operator 0 (CONV_2D, y): " in message
    assert f"{value}" in message


def test_shape_that_the_operator_does_not_give() -> None:
    data = put(CONV, vector(graph(CONV).Tensors(3), damage.SHAPE) + 8, "i", 5)
    message = _error(data)
    assert "inconsistent: Conv2D conv_2d_0 gives int8[1, 4, 4, 2], but the model says int8[1, 5, 4, 2]" in message


def test_constants_that_rows_add_are_bounded() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 1, 1, 1), scale=0.1)
    weights = builder.constant("w", np.ones((1_000_000, 1, 1, 1), np.int8), scale=0.1)
    for index in range(40):
        y = builder.tensor(f"y{index}", (1, 1, 1, 1_000_000), scale=0.1)
        builder.operator("CONV_2D", [x, weights, None], [y], {"StrideH": 1, "StrideW": 1})
        builder.output(y)
    assert "take over 64 MiB" in _error(builder.finish())


# -- the graph ---------------------------------------------------------------------------------------------------------


def _relus(*edges: tuple[str, str], inputs: tuple[str, ...] = ("x",), outputs: tuple[str, ...]) -> bytes:
    """RELU from tensor to tensor, in this order; `c` is a constant."""
    builder = ModelBuilder()
    handles = {"c": builder.constant("c", np.zeros((1, 8), np.int8), scale=0.1)}
    for name in dict.fromkeys([*inputs, *(name for edge in edges for name in edge)]):
        if name != "c":
            add = builder.input if name in inputs else builder.tensor
            handles[name] = add(name, (1, 8), scale=0.1)
    for source, target in edges:
        builder.operator("RELU", [handles[source]], [handles[target]])
    for name in outputs:
        builder.output(handles[name])
    return builder.finish()


def test_cycle() -> None:
    assert "reads 'b' before anything writes it" in _error(_relus(("b", "a"), ("a", "b"), outputs=("b",)))


def test_order_that_cannot_run() -> None:
    assert "reads 'a' before anything writes it" in _error(_relus(("a", "b"), ("x", "a"), outputs=("b",)))


def test_operator_that_reads_its_own_output() -> None:
    assert "reads 'a' before anything writes it" in _error(_relus(("a", "a"), outputs=("a",)))


@pytest.mark.parametrize("target", ["a", "x", "c"])
def test_tensor_written_twice(target: str) -> None:
    data = _relus(("x", "a"), ("a", "b"), ("b", target), outputs=("b",))
    assert f"writes '{target}', which already has a value" in _error(data)


def test_output_that_nothing_writes() -> None:
    builder = ModelBuilder()
    builder.input("x", (1, 8), scale=0.1)
    builder.output(builder.tensor("y", (1, 8), scale=0.1))
    assert "output 'y' is never written" in _error(builder.finish())


def test_constant_output() -> None:
    assert "output 'c' is a constant; take it off the model's outputs" in _error(_relus(("x", "a"), outputs=("a", "c")))


def test_constant_input() -> None:
    data = _relus(("x", "a"), outputs=("a",))
    data = put(data, vector(graph(data), damage.INPUTS) + 4, "i", 0)
    assert "input 'c' is a constant; take it off the model's inputs" in _error(data)


def test_no_inputs_and_no_outputs() -> None:
    data = _relus(("x", "a"), outputs=("a",))
    assert "the model has no inputs" in _error(put(data, vector(graph(data), damage.INPUTS), "I", 0))
    assert "the model has no outputs" in _error(put(data, vector(graph(data), damage.OUTPUTS), "I", 0))


def test_repeated_ends() -> None:
    assert "tensor 'a' is twice among the model's outputs" in _error(_relus(("x", "a"), outputs=("a", "a")))
    data = _relus(("x", "a"), inputs=("x", "z"), outputs=("a",))
    data = put(data, vector(graph(data), damage.INPUTS) + 8, "i", 1)
    assert "tensor 'x' is twice among the model's inputs" in _error(data)


@pytest.mark.parametrize("index", [-1, 3, 0x7FFFFFFF])
def test_ends_that_are_not_there(index: int) -> None:
    data = _relus(("x", "a"), outputs=("a",))
    assert f"the model's outputs name tensor {index}" in _error(
        put(data, vector(graph(data), damage.OUTPUTS) + 4, "i", index)
    )


def test_input_of_a_dtype_that_nothing_computes_with() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 8), scale=0.1)
    y = builder.tensor("y", (1, 8), scale=0.1)
    builder.input("unused", (1,), "float16")
    builder.operator("RELU", [x], [y])
    builder.output(y)
    data = builder.finish()
    assert "input 'unused' cannot be used: dtype float16 is not supported" in _error(data)


def test_legal_oddities_import() -> None:
    unused_input = _relus(("x", "a"), inputs=("x", "z"), outputs=("a",))
    assert import_tflite(unused_input, "unused.tflite").inputs == ("x", "z")
    input_as_output = _relus(("x", "a"), outputs=("x", "a"))
    assert import_tflite(input_as_output, "through.tflite").outputs == ("x", "a")
    second_subgraph = put(RELU, vector(root(RELU), damage.SUBGRAPHS), "I", 2)
    assert import_tflite(second_subgraph, "two.tflite").outputs == ("y",)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (3, 0), (3, 3)])
def test_the_larger_operator_code_counts(old: int, new: int) -> None:
    code = root(CONV).OperatorCodes(0)
    data = put(put(CONV, field(code, damage.OLD_CODE), "b", old), field(code, damage.CODE), "i", new)
    (operator,) = import_tflite(data, "codes.tflite").operators
    assert operator.name == "conv_2d_0"


def test_deep_graph() -> None:
    names = ["x", *(f"t{index}" for index in range(4000))]
    data = _relus(*((names[i], names[i + 1]) for i in range(4000)), outputs=(names[-1],))
    start = time.process_time()
    assert len(import_tflite(data, "deep.tflite").operators) == 4000
    assert time.process_time() - start < 10


@pytest.mark.parametrize(("operator", "options"), [("MEAN", {}), ("PAD", {}), ("TRANSPOSE", {}), ("EXPAND_DIMS", {})])
def test_axes_are_few(operator: str, options: dict[str, Any]) -> None:
    # Thousands of operators that name one huge list of axes would make a small file slow to read.
    builder = ModelBuilder()
    x = builder.input("x", (1, 8), scale=0.1)
    y = builder.tensor("y", (1, 8), scale=0.1)
    builder.operator(operator, [x, builder.constant("axes", np.zeros(1_000_000, np.int32))], [y], options)
    builder.output(y)
    message = _error(builder.finish())
    assert f"operator 0 ({operator}, y): input 1 has 1000000 elements; at most two per axis are supported" in message
