"""Read a .tflite file into plain records, trusting nothing in it.

Any inconsistency is an ImportModelError. What is well formed but unknown to µTVM is no error here: a tensor carries
its `problem`, and the operators that use it are reported together.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite
from flatbuffers.number_types import Int32Flags

from utvm.errors import ImportModelError
from utvm.importers.tflite.flatbuffer import CheckedFile
from utvm.model.tensor import ITEM_SIZE_BYTES, Array

MAX_FILE_BYTES = 1 << 27
MAX_TENSOR_BYTES = 1 << 26
MAX_RANK = 8
# Far more than any network for a microcontroller has; they bound the time that a hostile file can take.
MAX_TENSORS = 1 << 15
MAX_OPERATORS = 1 << 14
MAX_OPERANDS = 1 << 12
MAX_CHANNELS = 1 << 16

HANDLE_DTYPE = "resource"
WITHOUT_OUTPUTS = ("ASSIGN_VARIABLE", "CALL_ONCE")

_Quantization = tuple[tuple[float, ...], tuple[int, ...], int]  # scales, zero points, axis
_NO_QUANTIZATION: _Quantization = ((), (), 0)


def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


OPERATOR_NAMES = _names(tflite.BuiltinOperator)
DTYPE_NAMES = {value: name.lower() for value, name in _names(tflite.TensorType).items()}


@dataclass(frozen=True, eq=False)
class RawTensor:
    """A tensor as the file states it. `data` is None for activations; `problem` says why it cannot be used, if so.

    A `variable` keeps its value from run to run.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    data: Array | None
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    problem: str = ""
    variable: bool = False


@dataclass(frozen=True, eq=False)
class RawOperator:
    """An operator as the file states it; `table` is its flatbuffer table, from which options are read."""

    index: int
    code: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    intermediates: tuple[int, ...]
    table: Any


@dataclass(frozen=True, eq=False)
class RawGraph:
    """A subgraph of a file."""

    tensors: tuple[RawTensor, ...]
    operators: tuple[RawOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class RawModel:
    """A file: its main subgraph, and another one by its index, which is read when it is asked for."""

    main: RawGraph
    subgraph: Callable[[int], RawGraph]


def read_raw_model(data: bytes, source: str) -> RawModel:
    """Parse the main subgraph; `source` names the file in errors."""
    if len(data) < 16:
        raise ImportModelError(
            f"{source}: {len(data)} bytes are too few for a .tflite file; download or export it again"
        )
    if len(data) > MAX_FILE_BYTES:
        raise ImportModelError(
            f"{source}: over {MAX_FILE_BYTES >> 20} MiB, which no microcontroller holds; choose a smaller network"
        )
    if data[4:8] != b"TFL3":
        raise ImportModelError(
            f"{source}: not a .tflite file: the identifier at byte 4 is {data[4:8]!r}, not b'TFL3'"
            " (export the model with the TFLite converter)"
        )
    checked = CheckedFile(data, source)

    def read(graph: Callable[[], RawGraph]) -> RawGraph:
        try:
            return graph()
        except struct.error as error:
            raise checked.corrupted("a vector or field lies outside the file") from error

    try:
        reader = _Reader(checked)
    except struct.error as error:
        raise checked.corrupted("a vector or field lies outside the file") from error
    return RawModel(read(reader.main), lambda index: read(lambda: reader.subgraph(index)))


class _Reader:
    def __init__(self, checked: CheckedFile) -> None:
        self._file = checked
        self._root = checked.table(lambda: tflite.Model.GetRootAs(checked.data), "the root table")
        self._contents: dict[tuple[int, str], Array] = {}

    def main(self) -> RawGraph:
        """The first subgraph, which has inputs and outputs."""
        version = self._root.Version()
        if version != 3:
            raise self._file.error(f"schema version {version}; version 3 is supported (use a current TFLite converter)")
        if self._root.SubgraphsLength() < 1:
            raise self._file.corrupted("there is no subgraph")
        raw = self._graph(0, "the main subgraph")
        for what, ends in (("inputs", raw.inputs), ("outputs", raw.outputs)):
            if not ends:
                raise self._file.error(f"the model has no {what}; export it with at least one of each")
        return raw

    def subgraph(self, index: int) -> RawGraph:
        """Another subgraph, by a number that the file gives."""
        count = self._root.SubgraphsLength()
        if not 0 < index < count:
            raise self._file.corrupted(f"there is no subgraph {index} to run once; there are {count}")
        return self._graph(index, f"subgraph {index}")

    def _graph(self, number: int, what: str) -> RawGraph:
        file = self._file
        graph = file.table(self._root.Subgraphs, what, number)
        tensors = tuple(
            self._tensor(file.table(graph.Tensors, f"tensor {index}", index), index)
            for index in range(file.count(graph.TensorsLength(), "tensors", 4, MAX_TENSORS))
        )
        codes = [
            self._code(file.table(self._root.OperatorCodes, f"operator code {index}", index), index)
            for index in range(file.count(self._root.OperatorCodesLength(), "operator codes", 4, MAX_OPERATORS))
        ]
        operators = tuple(
            self._operator(file.table(graph.Operators, f"operator {index}", index), index, codes, len(tensors))
            for index in range(file.count(graph.OperatorsLength(), "operators", 4, MAX_OPERATORS))
        )
        inputs = self._ends(graph, "Inputs", "inputs", tensors)
        outputs = self._ends(graph, "Outputs", "outputs", tensors)
        return RawGraph(tensors, operators, inputs, outputs)

    def _ends(self, graph: Any, field: str, what: str, tensors: tuple[RawTensor, ...]) -> tuple[int, ...]:
        ends = self._indices(graph, field, f"the model's {what}", len(tensors), optional=False)
        repeated = next((index for index in ends if ends.count(index) > 1), None)
        if repeated is not None:
            raise self._file.error(f"tensor {tensors[repeated].name!r} is twice among the model's {what}; name it once")
        return ends

    def _indices(self, table: Any, field: str, what: str, tensor_count: int, optional: bool) -> tuple[int, ...]:
        indices = tuple(self._file.numbers(table, field, what, MAX_OPERANDS))
        for index in indices:
            if not (0 <= index < tensor_count or (optional and index == -1)):
                raise self._file.corrupted(f"{what} name tensor {index}, there are {tensor_count}")
        return indices

    def _code(self, table: Any, index: int) -> tuple[str, int]:
        # Codes above 127 do not fit the old byte field, which then holds 127; LiteRT takes the larger one, whereas
        # the tflite package's BuiltinCode prefers the old one.
        code = max(table._tab.GetSlot(10, 0, Int32Flags), int(table.DeprecatedBuiltinCode()))
        name = OPERATOR_NAMES.get(code, f"builtin operator {code}")
        if name == "CUSTOM":
            name = f"CUSTOM {self._file.text(table.CustomCode, f'the name of operator code {index}')!r}"
        return name, int(table.Version())

    def _operator(self, table: Any, index: int, codes: list[tuple[str, int]], tensor_count: int) -> RawOperator:
        code_index = int(table.OpcodeIndex())
        if not 0 <= code_index < len(codes):
            raise self._file.corrupted(f"operator {index} names operator code {code_index}, there are {len(codes)}")
        name, version = codes[code_index]
        where = f"operator {index} ({name})"
        inputs = self._indices(table, "Inputs", f"the inputs of {where}", tensor_count, optional=True)
        outputs = self._indices(table, "Outputs", f"the outputs of {where}", tensor_count, optional=False)
        if not outputs and name not in WITHOUT_OUTPUTS:
            raise self._file.corrupted(f"{where} has no outputs")
        if len(set(outputs)) < len(outputs):
            raise self._file.corrupted(f"{where} has one tensor as several of its outputs")
        between = f"the intermediates of {where}"
        intermediates = self._indices(table, "Intermediates", between, tensor_count, optional=True)
        return RawOperator(index, name, version, inputs, outputs, intermediates, table)

    def _tensor(self, table: Any, index: int) -> RawTensor:
        name = self._file.text(table.Name, f"the name of tensor {index}") or f"tensor_{index}"
        where = f"tensor {index} ({name})"
        dtype = DTYPE_NAMES.get(int(table.Type()), f"type {int(table.Type())}")
        shape = tuple(self._file.numbers(table, "Shape", f"the shape of {where}"))
        if any(extent < 0 for extent in shape):
            raise self._file.error(
                f"{where}: shape {list(shape[:MAX_RANK])} has a negative extent; export fixed shapes"
            )
        sparsity = self._file.table(table.Sparsity, f"the sparsity of {where}")
        problem = _problem(dtype, shape, sparse=sparsity is not None)
        quantization = self._file.table(table.Quantization, f"the quantization of {where}")
        if problem or quantization is None or not np.issubdtype(dtype, np.integer):
            scales, zero_points, axis = _NO_QUANTIZATION
        elif quantization.DetailsType() != tflite.QuantizationDetails.NONE:
            scales, zero_points, axis = _NO_QUANTIZATION
            problem = "custom quantization is not supported"
        else:
            scales, zero_points, axis = self._quantization(quantization, where, shape, dtype)
        data = None
        if not problem:
            if math.prod(shape) * ITEM_SIZE_BYTES[dtype] > MAX_TENSOR_BYTES:
                raise self._file.error(
                    f"{where}: {dtype}{list(shape)} takes more than {MAX_TENSOR_BYTES >> 20} MiB,"
                    " which no microcontroller holds; choose a smaller network"
                )
            data = self._data_of(int(table.Buffer()), shape, dtype, where)
        variable = bool(table.IsVariable())
        if variable and data is not None:
            problem = "a variable tensor with data of its own is not supported"
        return RawTensor(index, name, shape, dtype, data, scales, zero_points, axis, problem, variable)

    def _quantization(self, table: Any, where: str, shape: tuple[int, ...], dtype: str) -> _Quantization:
        scales = tuple(self._file.numbers(table, "Scale", f"the scales of {where}", MAX_CHANNELS))
        zeros = tuple(self._file.numbers(table, "ZeroPoint", f"the zero points of {where}", MAX_CHANNELS))
        axis = int(table.QuantizedDimension())
        if not scales:
            return _NO_QUANTIZATION
        # Converters give scale 0 to channels whose weights are all zero, never to a whole tensor.
        for scale in scales:
            if not math.isfinite(scale) or scale < 0 or (scale == 0 and len(scales) == 1):
                raise self._file.error(f"{where}: its quantization scale {scale} is not a positive number")
        if len(zeros) != len(scales):
            raise self._file.error(f"{where}: {len(scales)} scales but {len(zeros)} zero points")
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        for zero in zeros:
            if not low <= zero <= high:
                raise self._file.error(f"{where}: its zero point {zero} is outside {dtype}, {low} to {high}")
        if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
            raise self._file.error(f"{where}: {len(scales)} scales along axis {axis} do not fit shape {list(shape)}")
        return scales, zeros, axis

    def _data_of(self, index: int, shape: tuple[int, ...], dtype: str, where: str) -> Array | None:
        """The constant, read-only; tensors that share a buffer share its memory. None for an activation."""
        if not 0 <= index < self._root.BuffersLength():
            raise self._file.corrupted(f"{where} names buffer {index}, there are {self._root.BuffersLength()}")
        buffer = self._file.table(self._root.Buffers, f"buffer {index} of {where}", index)
        if index == 0:  # by convention the empty one
            return None
        if buffer.Offset() > 1 or buffer.Size() > 1:
            raise self._file.error(
                f"{where}: its data lies behind the flatbuffer, which is not supported;"
                " export the model without buffer offsets (they are for models over 2 GB)"
            )
        raw = self._file.array(buffer, "Data", f"the data of {where}")
        if raw.size == 0:
            return None
        expected = math.prod(shape) * ITEM_SIZE_BYTES[dtype]
        if raw.size != expected:
            raise self._file.corrupted(f"{where}: {dtype}{list(shape)} takes {expected} bytes, its data has {raw.size}")
        self._file.spend_bytes(raw.size, f"the data of {where}")
        if (index, dtype) not in self._contents:
            values = raw != 0 if dtype == "bool" else raw.view(np.dtype(dtype).newbyteorder("<"))
            aligned = np.array(values, dtype=dtype)
            aligned.setflags(write=False)
            self._contents[index, dtype] = aligned
        return self._contents[index, dtype].reshape(shape)


def _problem(dtype: str, shape: tuple[int, ...], sparse: bool) -> str:
    """Why µTVM cannot use a well-formed tensor; empty when it can."""
    if dtype == HANDLE_DTYPE:
        return "handles of variables go to READ_VARIABLE and ASSIGN_VARIABLE only"
    if dtype not in ITEM_SIZE_BYTES:
        return f"dtype {dtype} is not supported"
    if len(shape) > MAX_RANK:
        return f"{len(shape)} axes; at most {MAX_RANK} are supported"
    if 0 in shape:
        return f"shape {list(shape)} has no elements"
    if sparse:
        return "sparse tensors are not supported"
    return ""
