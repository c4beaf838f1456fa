"""Building .tflite models of one subgraph, tensor by tensor and operator by operator."""

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


@dataclass(frozen=True)
class _Operator:
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    version: int
    options: Mapping[str, Any] = field(default_factory=dict)
    custom_data: bytes | None = None  # set: the operator is a custom one


class ModelBuilder:
    """Collects tensors and operators; `finish` gives the bytes of the .tflite file.

    Nothing is checked against an operator's own rules, so that illegal models can be built too.
    """

    def __init__(self, description: str = "built by the utvm tests") -> None:
        self._description = description
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

    def operator(
        self,
        name: str,
        inputs: Sequence[TensorHandle | None],
        outputs: Sequence[TensorHandle],
        options: Mapping[str, Any] | None = None,
        version: int | None = None,
    ) -> None:
        """Add an operator by its schema name (`CONV_2D`); None among the inputs leaves an optional one out.

        `options` go by the schema's field names (see `options.write_options`). The version is by default the one
        int8 needs, and 1 for operators that INT8_VERSIONS does not list. Raises ValueError on an unknown operator.
        """
        if not hasattr(tflite.BuiltinOperator, name):
            raise ValueError(f"the schema has no operator {name!r}; names are upper case, such as CONV_2D")
        chosen = INT8_VERSIONS.get(name, 1) if version is None else version
        self._operators.append(_Operator(name, _indices(inputs), _indices(outputs), chosen, dict(options or {})))

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

    def finish(self) -> bytes:
        """The .tflite file."""
        fb = flatbuffers.Builder(1024)
        buffers = [_buffer(fb, b"")] + [_buffer(fb, t.data) for t in self._tensors if t.data is not None]
        tensors, next_buffer = [], 1
        for tensor in self._tensors:
            tensors.append(_write_tensor(fb, tensor, 0 if tensor.data is None else next_buffer))
            next_buffer += tensor.data is not None
        codes = list(dict.fromkeys(_code_of(operator) for operator in self._operators))
        operators = [_write_operator(fb, o, codes.index(_code_of(o))) for o in self._operators]

        graph_vectors = [
            _offsets(fb, tensors),
            _int32s(fb, self._inputs),
            _int32s(fb, self._outputs),
            _offsets(fb, operators),
            fb.CreateString("main"),
        ]
        tflite.SubGraphStart(fb)
        tflite.SubGraphAddTensors(fb, graph_vectors[0])
        tflite.SubGraphAddInputs(fb, graph_vectors[1])
        tflite.SubGraphAddOutputs(fb, graph_vectors[2])
        tflite.SubGraphAddOperators(fb, graph_vectors[3])
        tflite.SubGraphAddName(fb, graph_vectors[4])
        subgraph = tflite.SubGraphEnd(fb)

        model_vectors = [
            _offsets(fb, [_write_code(fb, *code) for code in codes]),
            _offsets(fb, [subgraph]),
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
        self._tensors.append(_Tensor(handle, scales, zero_points, axis, data, signature))
        return handle


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
    return int(tflite.TensorEnd(fb))


def _write_operator(fb: flatbuffers.Builder, operator: _Operator, code: int) -> int:
    custom = fb.CreateByteVector(operator.custom_data) if operator.custom_data else None
    options = None if operator.custom_data is not None else write_options(fb, operator.name, operator.options)
    inputs, outputs = _int32s(fb, operator.inputs), _int32s(fb, operator.outputs)
    tflite.OperatorStart(fb)
    tflite.OperatorAddOpcodeIndex(fb, code)
    tflite.OperatorAddInputs(fb, inputs)
    tflite.OperatorAddOutputs(fb, outputs)
    if options is not None:
        tflite.OperatorAddBuiltinOptionsType(fb, options.union_type)
        tflite.OperatorAddBuiltinOptions(fb, options.offset)
    if custom is not None:
        tflite.OperatorAddCustomOptions(fb, custom)
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
