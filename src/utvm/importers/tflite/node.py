"""What a conversion row sees of one operator of the file, and what it may add to the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite

from utvm.errors import ImportModelError
from utvm.importers.tflite.flatbuffer import table_is_inside
from utvm.importers.tflite.reader import MAX_TENSOR_BYTES, OPERATOR_NAMES, RawOperator
from utvm.model.operator_types import Operator
from utvm.model.quantization import Quantization
from utvm.model.tensor import Array, Tensor, constant

__all__ = ["OPERATOR_NAMES", "Node", "Unsupported"]

OPTION_NAMES = {value: name for name, value in vars(tflite.BuiltinOptions).items() if isinstance(value, int)}


class Unsupported(Exception):
    """Raised by a row: the operator is well formed but µTVM cannot express it."""


@dataclass
class Graph:
    """The model while it is built: the file's tensors by index, and all tensors by name."""

    source: str
    tensors: list[Tensor]
    pool: dict[str, Tensor]
    added_bytes: int = 0


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
            if self._tensors[tensor].name not in written:
                raise self.malformed(f"output {index} ({self._tensors[tensor].name}) is one more than it gives")

    def malformed(self, problem: str) -> ImportModelError:
        """An error in the file at this operator."""
        output = self._tensors[self._raw.outputs[0]].name
        return ImportModelError(f"{self._graph.source}: operator {self._raw.index} ({self.code}, {output}): {problem}")


def zeros(count: int) -> Array:
    """A bias of zeros."""
    return np.zeros(count, dtype=np.int32)
