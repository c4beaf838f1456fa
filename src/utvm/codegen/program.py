"""The compiled model as plain data: kernels, the order of calls, the memory plan, constants, provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from utvm.errors import UsageError
from utvm.model.quantization import Quantization
from utvm.model.tensor import ITEM_SIZE_BYTES, Array
from utvm.operators.kernel import CodeUnit, LibraryCode

STATE_REGION = "state"
"""Stands for the block of states where tensors name the region of their arena."""


@dataclass(frozen=True)
class PlacedTensor:
    """An activation and its place: `offset` bytes into the arena of `region`, or into the block of states.

    It holds its value from the end of call `first` (-1: before the run) to call `last`, which may write over it.
    """

    name: str
    symbol: str
    shape: tuple[int, ...]
    dtype: str
    quantization: Quantization | None
    region: str
    offset: int
    first: int
    last: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the elements."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count * ITEM_SIZE_BYTES[self.dtype]


@dataclass(frozen=True, eq=False)
class Constant:
    """Read-only data under a C symbol; `owner` is the layer that reads it first and `role` what it is there."""

    symbol: str
    data: Array
    owner: str
    role: str

    @property
    def size_bytes(self) -> int:
        """Bytes of the elements."""
        return int(self.data.nbytes)


@dataclass(frozen=True)
class KernelSource:
    """A C function; several calls may share it. `parameters` are its C parameter types in order.

    `units` are the microkernels that it calls, `library` the library of the user's that it is written for.
    """

    name: str
    prototype: str
    definition: str
    parameters: tuple[str, ...]
    units: tuple[str, ...] = ()
    library: str = ""


@dataclass(frozen=True)
class CallArgument:
    """One argument of a call: a tensor by name, a constant by symbol, or `size_bytes` of scratch at a place."""

    parameter: str
    kind: Literal["tensor", "constant", "scratch"]
    name: str = ""
    region: str = ""
    offset: int = 0
    size_bytes: int = 0


@dataclass(frozen=True)
class Call:
    """One step of the run: a layer of the model and the kernel that computes it."""

    layer: str
    operator: str
    kernel: str
    arguments: tuple[CallArgument, ...]
    outputs: tuple[str, ...]
    macs: int
    schedule: str
    scratch_bytes: int = 0


@dataclass(frozen=True)
class StateValue:
    """A value that outlives a run, in the place of `tensor`. A reset makes it the constant of symbol `initial`, or
    `fill` in every element where that is empty."""

    tensor: str
    fill: int | float = 0
    initial: str = ""


@dataclass(frozen=True)
class Program:
    """Everything that a session or an export needs to run the model on its board.

    `states` are kept from run to run, in a block of `state_bytes` that lies in `state_region` of the board and belongs
    to no arena; both are 0 and empty for most models.
    """

    model: str
    board: str
    tensors: tuple[PlacedTensor, ...]
    constants: tuple[Constant, ...]
    kernels: tuple[KernelSource, ...]
    units: tuple[CodeUnit, ...]
    calls: tuple[Call, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arenas: Mapping[str, int]
    provenance: Mapping[str, str]
    libraries: tuple[LibraryCode, ...] = ()
    states: tuple[StateValue, ...] = ()
    state_bytes: int = 0
    state_region: str = ""

    def initial_value(self, state: StateValue) -> Array:
        """What a reset makes of a state, in its tensor's shape and dtype."""
        tensor = self.tensor(state.tensor)
        if not state.initial:
            return np.full(tensor.shape, state.fill, dtype=tensor.dtype)
        data = next(constant.data for constant in self.constants if constant.symbol == state.initial)
        return data.reshape(tensor.shape)

    def tensor(self, name: str) -> PlacedTensor:
        """The activation of that name."""
        for tensor in self.tensors:
            if tensor.name == name:
                return tensor
        raise UsageError(
            f"program {self.model}: no tensor {name!r}; there are {', '.join(t.name for t in self.tensors)}"
        )

    @property
    def arena_bytes(self) -> int:
        """Bytes of all arenas."""
        return sum(self.arenas.values())

    @property
    def states_by_region(self) -> dict[str, int]:
        """Bytes of the block of states by the region it lies in; empty without states."""
        return {self.state_region: self.state_bytes} if self.states else {}

    @property
    def constant_bytes(self) -> int:
        """Bytes of all constants."""
        return sum(constant.size_bytes for constant in self.constants)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return sum(call.macs for call in self.calls)
