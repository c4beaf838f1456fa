"""Read a .tflite file into plain records, trusting nothing in it.

Every vector's length is checked against the file before it is read, and the sum of all vectors against a budget, so
that a hostile file costs bounded time and memory. Any inconsistency is an ImportModelError.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite

from utvm.errors import ImportModelError
from utvm.model.tensor import ITEM_SIZE_BYTES, Array

MAX_FILE_BYTES = 1 << 30
MAX_TENSOR_BYTES = 1 << 28
MAX_RANK = 8

# What reading a table through a wild offset can raise inside the flatbuffers package.
MALFORMED = (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, UnicodeDecodeError)


def _names(enumeration: type) -> dict[int, str]:
    return {value: name for name, value in vars(enumeration).items() if isinstance(value, int)}


OPERATOR_NAMES = _names(tflite.BuiltinOperator)
DTYPE_NAMES = {value: name.lower() for value, name in _names(tflite.TensorType).items()}


@dataclass(frozen=True, eq=False)
class RawTensor:
    """A tensor as the file states it. `data` is None for activations; `problem` says why it cannot be used, if so."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    data: Array | None
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    problem: str = ""


@dataclass(frozen=True, eq=False)
class RawOperator:
    """An operator as the file states it; `table` is its flatbuffer table, from which options are read."""

    index: int
    code: str
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: Any


@dataclass(frozen=True, eq=False)
class RawModel:
    """The main subgraph of a file."""

    tensors: tuple[RawTensor, ...]
    operators: tuple[RawOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_raw_model(data: bytes, source: str) -> RawModel:
    """Parse the main subgraph; `source` names the file in errors."""
    if len(data) < 16:
        raise ImportModelError(f"{source}: {len(data)} bytes are too few for a .tflite file")
    if len(data) > MAX_FILE_BYTES:
        raise ImportModelError(f"{source}: larger than {MAX_FILE_BYTES >> 20} MiB; no microcontroller holds it")
    if data[4:8] != b"TFL3":
        raise ImportModelError(
            f"{source}: not a .tflite file: the identifier at byte 4 is {data[4:8]!r}, not b'TFL3'"
            " (export the model with the TFLite converter)"
        )
    try:
        return _Reader(data, source).model()
    except MALFORMED as error:
        raise ImportModelError(f"{source}: corrupted or truncated: a table lies outside the file ({error})") from error


class _Reader:
    def __init__(self, data: bytes, source: str) -> None:
        self._data = data
        self._source = source
        self._budget = 4 * len(data) + (1 << 16)
        self._root = tflite.Model.GetRootAsModel(data, 0)

    def model(self) -> RawModel:
        version = self._root.Version()
        if version != 3:
            raise self._error(f"schema version {version}; version 3 is supported")
        if self._root.SubgraphsLength() < 1:
            raise self._error("no subgraph")
        graph = self._root.Subgraphs(0)
        tensor_count = self._spend(graph.TensorsLength(), "tensors", 4)
        tensors = tuple(self._tensor(graph.Tensors(index), index) for index in range(tensor_count))
        codes_count = self._spend(self._root.OperatorCodesLength(), "operator codes", 4)
        operator_count = self._spend(graph.OperatorsLength(), "operators", 4)
        codes = [self._code(self._root.OperatorCodes(index)) for index in range(codes_count)]
        operators = tuple(
            self._operator(graph.Operators(index), index, codes, tensor_count) for index in range(operator_count)
        )
        inputs = self._indices(graph, "Inputs", "subgraph inputs", tensor_count, optional=False)
        outputs = self._indices(graph, "Outputs", "subgraph outputs", tensor_count, optional=False)
        if not inputs or not outputs:
            raise self._error("the main subgraph has no inputs or no outputs")
        return RawModel(tensors, operators, inputs, outputs)

    def _error(self, problem: str) -> ImportModelError:
        return ImportModelError(f"{self._source}: {problem}")

    def _spend(self, length: int, what: str, item_bytes: int) -> int:
        """Check a vector's length against the file and the budget, and return it."""
        if length < 0 or length * item_bytes > len(self._data):
            raise self._error(f"corrupted: {what}: {length} entries do not fit a file of {len(self._data)} bytes")
        self._budget -= length * item_bytes
        if self._budget < 0:
            raise self._error(f"corrupted: {what}: the file's vectors overlap each other")
        return length

    def _vector(self, table: Any, field: str, what: str, dtype: type[np.generic]) -> Array:
        length = self._spend(getattr(table, f"{field}Length")(), what, np.dtype(dtype).itemsize)
        if length == 0:
            return np.empty(0, dtype)
        values = np.asarray(getattr(table, f"{field}AsNumpy")())
        if values.shape != (length,):
            raise self._error(f"corrupted: {what} cannot be read")
        return values

    def _indices(self, table: Any, field: str, what: str, tensor_count: int, optional: bool) -> tuple[int, ...]:
        indices = tuple(int(index) for index in self._vector(table, field, what, np.int32))
        for index in indices:
            if not (0 <= index < tensor_count or (optional and index == -1)):
                raise self._error(f"corrupted: {what} name tensor {index}; there are {tensor_count}")
        return indices

    def _text(self, value: bytes | None) -> str:
        if not value:
            return ""
        self._spend(len(value), "names", 1)
        return value.decode("utf-8", errors="replace")

    def _code(self, table: Any) -> tuple[str, int]:
        # Codes above 127 do not fit the old byte field, which then holds 127.
        code = max(int(table.BuiltinCode()), int(table.DeprecatedBuiltinCode()))
        name = OPERATOR_NAMES.get(code, f"builtin operator {code}")
        if name == "CUSTOM":
            name = f"CUSTOM {self._text(table.CustomCode())!r}"
        return name, int(table.Version())

    def _operator(self, table: Any, index: int, codes: list[tuple[str, int]], tensor_count: int) -> RawOperator:
        code_index = int(table.OpcodeIndex())
        if not 0 <= code_index < len(codes):
            raise self._error(f"corrupted: operator {index} names operator code {code_index} of {len(codes)}")
        name, version = codes[code_index]
        inputs = self._indices(table, "Inputs", f"inputs of operator {index} ({name})", tensor_count, optional=True)
        outputs = self._indices(table, "Outputs", f"outputs of operator {index} ({name})", tensor_count, optional=False)
        return RawOperator(index, name, version, inputs, outputs, table)

    def _tensor(self, table: Any, index: int) -> RawTensor:
        name = self._text(table.Name()) or f"tensor_{index}"
        where = f"tensor {index} ({name})"
        dtype = DTYPE_NAMES.get(int(table.Type()), f"type {int(table.Type())}")
        rank = self._spend(table.ShapeLength(), f"shape of {where}", 4)
        if rank > MAX_RANK:
            raise self._error(f"{where}: {rank} axes; at most {MAX_RANK} are supported")
        shape = tuple(int(extent) for extent in self._vector(table, "Shape", f"shape of {where}", np.int32))
        scales, zero_points, axis = self._quantization(table.Quantization(), where, shape)
        problem = ""
        if dtype not in ITEM_SIZE_BYTES:
            problem = f"dtype {dtype} is not supported"
        elif any(extent < 1 for extent in shape):
            raise self._error(f"{where}: shape {list(shape)} has an extent below one")
        elif math.prod(shape) * ITEM_SIZE_BYTES[dtype] > MAX_TENSOR_BYTES:
            raise self._error(f"{where}: shape {list(shape)} is larger than {MAX_TENSOR_BYTES >> 20} MiB")
        elif table.Sparsity() is not None:
            problem = "sparse tensors are not supported"
        elif table.IsVariable():
            problem = "variable tensors (state) are not supported"
        data = None if problem else self._data_of(int(table.Buffer()), shape, dtype, where)
        return RawTensor(index, name, shape, dtype, data, scales, zero_points, axis, problem)

    def _quantization(
        self, table: Any, where: str, shape: tuple[int, ...]
    ) -> tuple[tuple[float, ...], tuple[int, ...], int]:
        if table is None:
            return (), (), 0
        scales = tuple(float(scale) for scale in self._vector(table, "Scale", f"scales of {where}", np.float32))
        zeros = tuple(int(zero) for zero in self._vector(table, "ZeroPoint", f"zero points of {where}", np.int64))
        axis = int(table.QuantizedDimension())
        if not scales:
            return (), (), 0
        if not all(math.isfinite(scale) and scale > 0 for scale in scales):
            raise self._error(f"{where}: a quantization scale is not a positive number")
        if len(zeros) == 1:
            zeros = zeros * len(scales)
        if len(zeros) != len(scales):
            raise self._error(f"{where}: {len(scales)} scales but {len(zeros)} zero points")
        if any(not -(1 << 31) <= zero < 1 << 31 for zero in zeros):
            raise self._error(f"{where}: a zero point does not fit 32 bits")
        if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
            raise self._error(f"{where}: {len(scales)} scales along axis {axis} do not fit shape {list(shape)}")
        return scales, zeros, axis

    def _data_of(self, buffer_index: int, shape: tuple[int, ...], dtype: str, where: str) -> Array | None:
        if not 0 <= buffer_index < self._root.BuffersLength():
            raise self._error(f"{where}: buffer {buffer_index} does not exist")
        buffer = self._root.Buffers(buffer_index)
        if buffer_index == 0 or buffer.DataLength() == 0:
            return None
        raw = self._vector(buffer, "Data", f"data of {where}", np.uint8)
        expected = math.prod(shape) * ITEM_SIZE_BYTES[dtype]
        if raw.size != expected:
            raise self._error(
                f"{where}: {raw.size} bytes of data where shape {list(shape)} of {dtype} needs {expected}"
            )
        if dtype == "bool":
            return (raw != 0).reshape(shape)
        return raw.view(np.dtype(dtype).newbyteorder("<")).astype(dtype).reshape(shape)
