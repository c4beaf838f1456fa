"""Building .tflite models, tensor by tensor and operator by operator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import tflite

from .options import write_options
from .versions import INT8_VERSIONS

Scales = float | Sequence[float] | npt.NDArray[np.floating[Any]] | None
ZeroPoints = int | Sequence[int] | npt.NDArray[np.integer[Any]]

_DTYPES = {
    "bool": tflite.TensorType.BOOL,
    "float16": tflite.TensorType.FLOAT16,
    "float32": tflite.TensorType.FLOAT32,
    "int8": tflite.TensorType.INT8,
    "int16": tflite.TensorType.INT16,
    "int32": tflite.TensorType.INT32,
    "int64": tflite.TensorType.INT64,
    "resource": tflite.TensorType.RESOURCE,
    "uint8": tflite.TensorType.UINT8,
}


@dataclass(frozen=True)
class TensorHandle:
    """A tensor of the model being built, to be given to `ModelBuilder.operator`."""

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class _Tensor:
    handle: TensorHandle
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    data: bytes | None
    shape_signature: tuple[int, ...] | None
    variable: bool = False


@dataclass(frozen=True)
class _Operator:
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    version: int
    options: Mapping[str, Any] = field(default_factory=dict)
    custom_data: bytes | None = None  # set: the operator is a custom one
    intermediates: tuple[int, ...] = ()


class GraphBuilder:
    """Collects the tensors and operators of one subgraph.

    Nothing is checked against an operator's own rules, so that illegal models can be built too.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._tensors: list[_Tensor] = []
        self._operators: list[_Operator] = []
        self._inputs: list[int] = []
        self._outputs: list[int] = []

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str = "int8",
        *,
        scale: Scales = None,
        zero_point: ZeroPoints = 0,
        axis: int = 0,
        shape_signature: Sequence[int] | None = None,
    ) -> TensorHandle:
        """Add an activation; several scales make it quantized per channel along `axis`."""
        return self._add(name, shape, dtype, scale, zero_point, axis, None, shape_signature)

    def input(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str = "int8",
        *,
        scale: Scales = None,
        zero_point: ZeroPoints = 0,
        shape_signature: Sequence[int] | None = None,
    ) -> TensorHandle:
        """Add an input of the model; `shape_signature` marks dimensions of unknown size by -1."""
        handle = self._add(name, shape, dtype, scale, zero_point, 0, None, shape_signature)
        self._inputs.append(handle.index)
        return handle

    def constant(
        self,
        name: str,
        array: npt.ArrayLike,
        *,
        scale: Scales = None,
        zero_point: ZeroPoints = 0,
        axis: int = 0,
    ) -> TensorHandle:
        """Add a constant with the array's shape, dtype and data (little-endian, row-major)."""
        values = np.asarray(array)
        data = values.astype(values.dtype.newbyteorder("<")).tobytes()
        return self._add(name, values.shape, values.dtype.name, scale, zero_point, axis, data, None)

    def variable(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str = "int8",
        *,
        scale: Scales = None,
        zero_point: ZeroPoints = 0,
    ) -> TensorHandle:
        """Add a variable tensor: one that keeps its value from run to run."""
        return self._add(name, shape, dtype, scale, zero_point, 0, None, None, variable=True)

    def operator(
        self,
        name: str,
        inputs: Sequence[TensorHandle | None],
        outputs: Sequence[TensorHandle],
        options: Mapping[str, Any] | None = None,
        version: int | None = None,
        intermediates: Sequence[TensorHandle] = (),
    ) -> None:
        """Add an operator by its schema name (`CONV_2D`); None among the inputs leaves an optional one out.

        `options` go by the schema's field names (see `options.write_options`). The version is by default the one
        int8 needs, and 1 for operators that INT8_VERSIONS does not list. Raises ValueError on an unknown operator.
        """
        if not hasattr(tflite.BuiltinOperator, name):
            raise ValueError(f"the schema has no operator {name!r}; names are upper case, such as CONV_2D")
        chosen = INT8_VERSIONS.get(name, 1) if version is None else version
        self._operators.append(
            _Operator(
                name,
                _indices(inputs),
                _indices(outputs),
                chosen,
                dict(options or {}),
                intermediates=_indices(intermediates),
            )
        )

    def custom(
        self,
        name: str,
        inputs: Sequence[TensorHandle | None],
        outputs: Sequence[TensorHandle],
        data: bytes = b"",
        version: int = 1,
    ) -> None:
        """Add a custom operator (one the schema does not know) with its opaque option bytes."""
        self._operators.append(_Operator(name, _indices(inputs), _indices(outputs), version, custom_data=data))

    def output(self, tensor: TensorHandle) -> None:
        """Make a tensor an output of the model; the order of calls is the order of outputs."""
        self._outputs.append(tensor.index)

    def _add(
        self,
        name: str,
        shape: Sequence[int],
        dtype: str,
        scale: Scales,
        zero_point: ZeroPoints,
        axis: int,
        data: bytes | None,
        shape_signature: Sequence[int] | None,
        variable: bool = False,
    ) -> TensorHandle:
        if dtype not in _DTYPES:
            raise ValueError(f"tensor {name}: dtype {dtype!r} is none of {', '.join(_DTYPES)}")
        scales = () if scale is None else tuple(float(s) for s in np.atleast_1d(scale))
        zero_points = tuple(int(z) for z in np.atleast_1d(zero_point))
        if len(zero_points) == 1:
            zero_points *= len(scales)
        if len(zero_points) != len(scales):
            raise ValueError(f"tensor {name}: {len(scales)} scales but {len(zero_points)} zero points")
        handle = TensorHandle(len(self._tensors), name, tuple(int(d) for d in shape), dtype)
        signature = None if shape_signature is None else tuple(int(d) for d in shape_signature)
        self._tensors.append(_Tensor(handle, scales, zero_points, axis, data, signature, variable))
        return handle

    def _codes(self) -> list[tuple[str, int, bool]]:
        return [_code_of(operator) for operator in self._operators]

    def _data(self) -> list[bytes]:
        return [tensor.data for tensor in self._tensors if tensor.data is not None]

    def _write(self, fb: flatbuffers.Builder, first_buffer: int, codes: Sequence[tuple[str, int, bool]]) -> int:
        """The subgraph's table, whose constants are in buffers from `first_buffer` on."""
        tensors, next_buffer = [], first_buffer
        for tensor in self._tensors:
            tensors.append(_write_tensor(fb, tensor, 0 if tensor.data is None else next_buffer))
            next_buffer += tensor.data is not None
        operators = [_write_operator(fb, o, codes.index(_code_of(o))) for o in self._operators]
        vectors = [
            _offsets(fb, tensors),
            _int32s(fb, self._inputs),
            _int32s(fb, self._outputs),
            _offsets(fb, operators),
            fb.CreateString(self._name),
        ]
        tflite.SubGraphStart(fb)
        tflite.SubGraphAddTensors(fb, vectors[0])
        tflite.SubGraphAddInputs(fb, vectors[1])
        tflite.SubGraphAddOutputs(fb, vectors[2])
        tflite.SubGraphAddOperators(fb, vectors[3])
        tflite.SubGraphAddName(fb, vectors[4])
        return int(tflite.SubGraphEnd(fb))


class ModelBuilder(GraphBuilder):
    """The main subgraph of a model; `finish` gives the bytes of the .tflite file."""

    def __init__(self, description: str = "built by the utvm tests") -> None:
        super().__init__("main")
        self._description = description
        self._others: list[GraphBuilder] = []

    def subgraph(self, name: str) -> tuple[int, GraphBuilder]:
        """Add another subgraph; its index and its builder."""
        self._others.append(GraphBuilder(name))
        return len(self._others), self._others[-1]

    def finish(self) -> bytes:
        """The .tflite file."""
        fb = flatbuffers.Builder(1024)
        graphs: list[GraphBuilder] = [self, *self._others]
        buffers = [_buffer(fb, b"")] + [_buffer(fb, data) for graph in graphs for data in graph._data()]
        codes = list(dict.fromkeys(code for graph in graphs for code in graph._codes()))
        subgraphs, next_buffer = [], 1
        for graph in graphs:
            subgraphs.append(graph._write(fb, next_buffer, codes))
            next_buffer += len(graph._data())
        model_vectors = [
            _offsets(fb, [_write_code(fb, *code) for code in codes]),
            _offsets(fb, subgraphs),
            fb.CreateString(self._description),
            _offsets(fb, buffers),
        ]
        tflite.ModelStart(fb)
        tflite.ModelAddVersion(fb, 3)
        tflite.ModelAddOperatorCodes(fb, model_vectors[0])
        tflite.ModelAddSubgraphs(fb, model_vectors[1])
        tflite.ModelAddDescription(fb, model_vectors[2])
        tflite.ModelAddBuffers(fb, model_vectors[3])
        fb.Finish(tflite.ModelEnd(fb), b"TFL3")
        return bytes(fb.Output())


def _indices(tensors: Sequence[TensorHandle | None]) -> tuple[int, ...]:
    return tuple(-1 if tensor is None else tensor.index for tensor in tensors)


def _code_of(operator: _Operator) -> tuple[str, int, bool]:
    return operator.name, operator.version, operator.custom_data is not None


def _int32s(fb: flatbuffers.Builder, values: Sequence[int]) -> int:
    return int(fb.CreateNumpyVector(np.asarray(values, dtype=np.int32)))


def _offsets(fb: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    fb.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        fb.PrependUOffsetTRelative(offset)
    return int(fb.EndVector())


def _buffer(fb: flatbuffers.Builder, data: bytes) -> int:
    vector = 0
    if data:
        fb.Prep(16, len(data))  # the schema wants constants aligned to 16 bytes
        vector = fb.CreateByteVector(data)
    tflite.BufferStart(fb)
    if vector:
        tflite.BufferAddData(fb, vector)
    return int(tflite.BufferEnd(fb))


def _write_quantization(fb: flatbuffers.Builder, tensor: _Tensor) -> int:
    scales = fb.CreateNumpyVector(np.asarray(tensor.scales, dtype=np.float32))
    zero_points = fb.CreateNumpyVector(np.asarray(tensor.zero_points, dtype=np.int64))
    tflite.QuantizationParametersStart(fb)
    tflite.QuantizationParametersAddScale(fb, scales)
    tflite.QuantizationParametersAddZeroPoint(fb, zero_points)
    tflite.QuantizationParametersAddQuantizedDimension(fb, tensor.axis)
    return int(tflite.QuantizationParametersEnd(fb))


def _write_tensor(fb: flatbuffers.Builder, tensor: _Tensor, buffer: int) -> int:
    shape = _int32s(fb, tensor.handle.shape)
    name = fb.CreateString(tensor.handle.name)
    quantization = _write_quantization(fb, tensor) if tensor.scales else None
    signature = None if tensor.shape_signature is None else _int32s(fb, tensor.shape_signature)
    tflite.TensorStart(fb)
    tflite.TensorAddShape(fb, shape)
    tflite.TensorAddType(fb, _DTYPES[tensor.handle.dtype])
    tflite.TensorAddBuffer(fb, buffer)
    tflite.TensorAddName(fb, name)
    tflite.TensorAddHasRank(fb, True)
    if quantization is not None:
        tflite.TensorAddQuantization(fb, quantization)
    if signature is not None:
        tflite.TensorAddShapeSignature(fb, signature)
    if tensor.variable:
        tflite.TensorAddIsVariable(fb, True)
    return int(tflite.TensorEnd(fb))


def _write_operator(fb: flatbuffers.Builder, operator: _Operator, code: int) -> int:
    custom = fb.CreateByteVector(operator.custom_data) if operator.custom_data else None
    options = None if operator.custom_data is not None else write_options(fb, operator.name, operator.options)
    inputs, outputs = _int32s(fb, operator.inputs), _int32s(fb, operator.outputs)
    intermediates = _int32s(fb, operator.intermediates) if operator.intermediates else None
    tflite.OperatorStart(fb)
    tflite.OperatorAddOpcodeIndex(fb, code)
    tflite.OperatorAddInputs(fb, inputs)
    tflite.OperatorAddOutputs(fb, outputs)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(fb, options.union_type)
        tflite.OperatorAddBuiltinOptions(fb, options.offset)
    if custom is not None:
        tflite.OperatorAddCustomOptions(fb, custom)
    if intermediates is not None:
        tflite.OperatorAddIntermediates(fb, intermediates)
    return int(tflite.OperatorEnd(fb))


def _write_code(fb: flatbuffers.Builder, name: str, version: int, custom: bool) -> int:
    number = tflite.BuiltinOperator.CUSTOM if custom else getattr(tflite.BuiltinOperator, name)
    custom_code = fb.CreateString(name) if custom else None
    tflite.OperatorCodeStart(fb)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(fb, min(number, 127))
    tflite.OperatorCodeAddBuiltinCode(fb, number)
    tflite.OperatorCodeAddVersion(fb, version)
    if custom_code is not None:
        tflite.OperatorCodeAddCustomCode(fb, custom_code)
    return int(tflite.OperatorCodeEnd(fb))
