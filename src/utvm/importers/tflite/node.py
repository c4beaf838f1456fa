"""What a conversion row sees of one operator of the file, and what it may add to the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tflite

from utvm.errors import ImportModelError
from utvm.importers.tflite.flatbuffer import table_is_inside
from utvm.importers.tflite.reader import (
    HANDLE_DTYPE,
    MAX_TENSOR_BYTES,
    OPERATOR_NAMES,
    RawGraph,
    RawModel,
    RawOperator,
    RawTensor,
)
from utvm.importers.tflite.variables import Handle, Variables
from utvm.model.operator_types import Operator
from utvm.model.quantization import Quantization
from utvm.model.tensor import Array, Tensor, constant

__all__ = ["OPERATOR_NAMES", "Node", "Unsupported"]

# Operators that may have variable tensors, and those that may have handles.
STATEFUL = ("SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM")
HANDLING = ("ASSIGN_VARIABLE", "READ_VARIABLE", "VAR_HANDLE")

OPTION_NAMES = {value: name for name, value in vars(tflite.BuiltinOptions).items() if isinstance(value, int)}


class Unsupported(Exception):
    """Raised by a row: the operator is well formed but µTVM cannot express it."""


@dataclass
class Graph:
    """The model while it is built: the file's tensors by index, all tensors by name, and the variables.

    `handles` says which tensors of the file are handles of which variables.
    """

    source: str
    file: RawModel
    raw: RawGraph
    tensors: list[Tensor]
    pool: dict[str, Tensor]
    variables: Variables
    handles: dict[int, Handle] = field(default_factory=dict)
    added_bytes: int = 0

    @staticmethod
    def of(source: str, file: RawModel, raw: RawGraph, variables: Variables | None = None) -> Graph:
        """A graph with a subgraph's tensors, that knows no variables but those given."""
        tensors = _tensors(raw.tensors)
        pool = {tensor.name: tensor for tensor in tensors}
        return Graph(source, file, raw, tensors, pool, variables or Variables(pool))


def _tensors(raw_tensors: tuple[RawTensor, ...]) -> list[Tensor]:
    """Tensors under unique names; those with a problem stand in as they are, and fail where they are used."""
    names: set[str] = set()
    tensors: list[Tensor] = []
    for raw in raw_tensors:
        name = raw.name if raw.name not in names else f"{raw.name}#{raw.index}"
        while name in names:
            name += "_"
        names.add(name)
        quantization = Quantization(raw.scales, raw.zero_points, raw.axis) if raw.scales else None
        tensors.append(Tensor(name, raw.shape, raw.dtype, quantization, raw.data))
    return tensors


class Node:
    """One operator of the file with its tensors resolved; `name` is unique in the model."""

    def __init__(self, raw: RawOperator, graph: Graph) -> None:
        self._raw = raw
        self._graph = graph
        self._tensors = graph.tensors
        self._read: set[int] = set()
        self.name = f"{raw.code.lower()}_{raw.index}"
        self.code = raw.code

    # -- tensors ---------------------------------------------------------------------------------------------------

    @property
    def input_count(self) -> int:
        """Number of inputs the file lists, optional ones included."""
        return len(self._raw.inputs)

    @property
    def output_count(self) -> int:
        """Number of outputs."""
        return len(self._raw.outputs)

    def input(self, index: int) -> Tensor:
        """Input `index`; a missing one is an error in the file."""
        tensor = self.optional_input(index)
        if tensor is None:
            raise self.malformed(f"input {index} is missing")
        return tensor

    def optional_input(self, index: int) -> Tensor | None:
        """Input `index`, or None when the file leaves it out."""
        self._read.add(index)
        if index >= len(self._raw.inputs) or self._raw.inputs[index] < 0:
            return None
        return self._tensors[self._raw.inputs[index]]

    def output(self, index: int = 0) -> Tensor:
        """Output `index`."""
        if index >= len(self._raw.outputs):
            raise self.malformed(f"output {index} is missing")
        return self._tensors[self._raw.outputs[index]]

    def constant_input(self, index: int) -> Array:
        """The value of an input that must be known at compile time."""
        tensor = self.input(index)
        if tensor.data is None:
            raise Unsupported(f"input {index} ({tensor.name}) must be a constant")
        return tensor.data

    def add_constant(self, suffix: str, data: Array) -> str:
        """Add a constant to the model and return its name."""
        self._graph.added_bytes += data.nbytes
        if self._graph.added_bytes > MAX_TENSOR_BYTES:
            raise self.malformed(f"biases and tables left out of the file take over {MAX_TENSOR_BYTES >> 20} MiB")
        return self._add(constant(self._fresh(suffix), data))

    def add_tensor(
        self, suffix: str, shape: tuple[int, ...], dtype: str, quantization: Quantization | None = None
    ) -> str:
        """Add an intermediate tensor to the model and return its name."""
        return self._add(Tensor(self._fresh(suffix), shape, dtype, quantization))

    def _fresh(self, suffix: str) -> str:
        name = f"{self.name}/{suffix}"
        while name in self._graph.pool:
            name += "_"
        return name

    def _add(self, tensor: Tensor) -> str:
        self._graph.pool[tensor.name] = tensor
        return tensor.name

    # -- variables -------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> Variables:
        """The model's variables."""
        return self._graph.variables

    def declare_handle(self, handle: Handle) -> None:
        """The output is the handle of a variable."""
        self._graph.handles[self._output_index(0)] = handle

    def handle(self) -> Handle:
        """The variable whose handle input 0 is."""
        tensor = self.input(0)
        handle = self._graph.handles.get(self._raw.inputs[0])
        if handle is None:
            raise self.malformed(f"input 0 ({tensor.name}) is not the handle of a variable (VAR_HANDLE gives one)")
        return handle

    def known_handle(self) -> Handle | None:
        """The same, or None if it is no handle."""
        return self._graph.handles.get(self._raw.inputs[0]) if self._raw.inputs else None

    def become_constant(self, data: Array) -> None:
        """Output 0 is known at compile time: later operators see a constant."""
        index, tensor = self._output_index(0), self.output()
        self._graph.tensors[index] = self._graph.pool[tensor.name] = constant(tensor.name, data, tensor.quantization)

    def state(self, index: int) -> Tensor:
        """What the variable tensor that is input `index` holds now."""
        tensor = self.input(index)
        number = self._raw.inputs[index]
        if not self._graph.raw.tensors[number].variable:
            raise self.malformed(f"input {index} ({tensor.name}) is not a variable tensor, which keeps state")
        return self.variables.current(number, tensor)

    def update_state(self, index: int) -> str:
        """A new tensor, which the variable tensor that is input `index` holds from now on."""
        before = self.state(index)
        name = self.add_tensor(before.name, before.shape, before.dtype, before.quantization)
        self.variables.update(self._raw.inputs[index], name)
        return name

    def intermediate(self, index: int) -> Tensor:
        """Tensor `index` of those that say how the operator quantizes what it computes on the way."""
        indices = self._raw.intermediates
        if index >= len(indices) or indices[index] < 0:
            raise self.malformed(f"it does not say how its intermediate value {index} is quantized")
        return self._tensors[indices[index]]

    def subgraph(self, index: int) -> list[Node]:
        """The operators of another subgraph of the file, which has the same variables."""
        raw = self._graph.file.subgraph(index)
        inner = Graph.of(self._graph.source, self._graph.file, raw, self.variables)
        return [Node(operator, inner) for operator in raw.operators]

    def _output_index(self, index: int) -> int:
        self.output(index)
        return self._raw.outputs[index]

    def problem(self) -> str:
        """Why one of the operator's tensors cannot be used; empty when all can."""
        stateful = self.code in STATEFUL
        for index in (*self._raw.inputs, *self._raw.outputs):
            raw = self._graph.raw.tensors[index]
            if index < 0 or (raw.dtype == HANDLE_DTYPE and self.code in HANDLING):
                continue
            if raw.problem:
                return f"tensor {raw.name}: {raw.problem}"
            if raw.variable and (index in self._raw.outputs or not stateful):
                return f"tensor {raw.name}: a variable tensor, which {self.code} does not take"
        return ""

    # -- quantization ----------------------------------------------------------------------------------------------

    def quantization(self, tensor: Tensor) -> Quantization:
        """The tensor's quantization; an integer tensor without one cannot be computed with."""
        if tensor.quantization is None:
            raise Unsupported(f"tensor {tensor.name} ({tensor.dtype}) is not quantized")
        return tensor.quantization

    def per_tensor(self, tensor: Tensor) -> Quantization:
        """The tensor's quantization, which must have one scale."""
        quantization = self.quantization(tensor)
        if quantization.per_channel:
            raise Unsupported(f"tensor {tensor.name} is quantized per channel")
        return quantization

    def require_dtype(self, tensor: Tensor, *dtypes: str) -> None:
        """Raise Unsupported unless the tensor has one of the dtypes."""
        if tensor.dtype not in dtypes:
            raise Unsupported(f"tensor {tensor.name} is {tensor.dtype}; supported: {', '.join(dtypes)}")

    def require_rank(self, tensor: Tensor, rank: int) -> None:
        """Raise an error unless the tensor has `rank` axes."""
        if len(tensor.shape) != rank:
            raise self.malformed(f"tensor {tensor} must have {rank} axes")

    # -- options ---------------------------------------------------------------------------------------------------

    def options(self, kind: Any) -> Any:
        """The operator's options as a table of class `kind` (tflite.Conv2DOptions, ...)."""
        stated = OPTION_NAMES.get(int(self._raw.table.BuiltinOptionsType()), "unknown")
        table = self._raw.table.BuiltinOptions()
        if stated != kind.__name__ or table is None:
            raise self.malformed(f"its options are {stated}, not {kind.__name__}")
        if not table_is_inside(table.Bytes, table.Pos):
            raise self.malformed(f"corrupted: its {stated} lie outside the file")
        options = kind()
        options.Init(table.Bytes, table.Pos)
        return options

    def check_used(self, operators: list[Operator]) -> None:
        """Raise an error if the operators that the node became leave an input unread or an output unwritten."""
        for index, tensor in enumerate(self._raw.inputs):
            if tensor >= 0 and index not in self._read:
                raise self.malformed(f"input {index} ({self._tensors[tensor].name}) is one more than it takes")
        written = {name for operator in operators for name in operator.outputs}
        for index, tensor in enumerate(self._raw.outputs):
            known = self._tensors[tensor].is_constant or tensor in self._graph.handles
            if self._tensors[tensor].name not in written and not known:
                raise self.malformed(f"output {index} ({self._tensors[tensor].name}) is one more than it gives")

    def corrupted(self) -> ImportModelError:
        """An error for options that reach outside the file."""
        return self.malformed("corrupted: its options lie outside the file; download or export it again")

    def malformed(self, problem: str) -> ImportModelError:
        """An error in the file at this operator."""
        return ImportModelError(f"{self._graph.source}: operator {self._raw.index} ({self._said}): {problem}")

    @property
    def _said(self) -> str:
        """The operator's kind, and the output by which a user knows it."""
        if not self._raw.outputs:
            return self.code
        return f"{self.code}, {self._tensors[self._raw.outputs[0]].name}"


def zeros(count: int) -> Array:
    """A bias of zeros."""
    return np.zeros(count, dtype=np.int32)
