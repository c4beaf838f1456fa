"""State while a model is imported: variable tensors, and variables behind handles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from utvm.errors import ModelError
from utvm.model.state import State
from utvm.model.tensor import Array, Tensor

# Far more than any network for a microcontroller has.
MAX_STATES = 256
MAX_NAME_BYTES = 200

Handle = tuple[bytes, bytes]
"""Container and shared name of a variable."""
Key = Handle | int
"""A variable by its handle, or a variable tensor by its index in the file."""


@dataclass(frozen=True)
class _Variable:
    """`state` holds its value when a run begins, `current` at this point of the run, `initial` after a reset; None: not
    known."""

    state: Tensor
    current: str
    initial: Array | None


class Variables:
    """The states found so far. Every problem is a ModelError, to which the caller adds where it is."""

    def __init__(self, pool: dict[str, Tensor]) -> None:
        self._pool = pool
        self._variables: dict[Key, _Variable] = {}
        self._initial: dict[Handle, Array] = {}
        self._assigned: set[Handle] = set()

    @property
    def in_use(self) -> bool:
        """Whether anything has read or written a variable behind a handle."""
        return any(isinstance(key, tuple) for key in self._variables)

    def states(self) -> tuple[State, ...]:
        """All of them; what nothing initialised is zero, and never read as such."""
        return tuple(
            State(
                variable.state.name,
                variable.current,
                np.zeros(variable.state.shape, variable.state.dtype) if variable.initial is None else variable.initial,
            )
            for variable in self._variables.values()
        )

    # -- variables behind handles ----------------------------------------------------------------------------------

    def announce(self, assigned: set[Handle]) -> None:
        """Which variables the model assigns to at all; the others are constants."""
        self._assigned = assigned

    def initialise(self, handle: Handle, value: Array) -> None:
        """What a variable is before the first run."""
        self._initial[handle] = value

    def constant(self, handle: Handle) -> Array | None:
        """The value of a variable that nothing ever changes, or None."""
        return None if handle in self._assigned else self._initial.get(handle)

    def read(self, handle: Handle, result: Tensor) -> str:
        """The tensor that has the variable's value now, to be read as `result`."""
        variable = self._variables.get(handle)
        if variable is None:
            initial = self._initial.get(handle)
            if initial is None:
                raise ModelError(
                    f"variable {_called(handle)} is read before anything gives it a value; initialise it (CALL_ONCE)"
                )
            variable = self._begin(handle, result, initial)
        _require_type(handle, variable.state, result, "read as")
        return variable.current

    def assign(self, handle: Handle, value: Tensor) -> None:
        """The variable has another tensor's value from now on."""
        variable = self._variables.get(handle) or self._begin(handle, value, self._initial.get(handle))
        _require_type(handle, variable.state, value, "assigned")
        self._variables[handle] = replace(variable, current=value.name)

    # -- variable tensors ------------------------------------------------------------------------------------------

    def current(self, index: int, tensor: Tensor) -> Tensor:
        """The tensor that has the value of a variable tensor now."""
        if index not in self._variables:
            # LiteRT fills int8 with the zero point, everything else with zeros.
            zero = tensor.quantization.zero_point if tensor.quantization and tensor.dtype == "int8" else 0
            self._begin(index, tensor, np.full(tensor.shape, zero, dtype=tensor.dtype))
        return self._pool[self._variables[index].current]

    def update(self, index: int, name: str) -> None:
        """A variable tensor has the value of tensor `name` from now on."""
        self._variables[index] = replace(self._variables[index], current=name)

    def _begin(self, key: Key, like: Tensor, initial: Array | None) -> _Variable:
        if len(self._variables) >= MAX_STATES:
            raise ModelError(f"over {MAX_STATES} variables; no network for a microcontroller has so many")
        if initial is not None and (initial.shape, initial.dtype.name) != (like.shape, like.dtype):
            raise ModelError(
                f"variable {_called(key)} begins as {initial.dtype.name}{list(initial.shape)}, but is used as {like}"
            )
        name = like.name if isinstance(key, int) else _called(key)
        while not isinstance(key, int) and name in self._pool:
            name += "_"
        state = self._pool.setdefault(name, replace(like, name=name, data=None))
        self._variables[key] = _Variable(state, name, initial)
        return self._variables[key]


def _called(key: Key) -> str:
    if isinstance(key, int):
        return str(key)
    text = b"/".join(part for part in key if part)[:MAX_NAME_BYTES].decode("utf-8", errors="replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text) or "variable"


def _require_type(handle: Handle, state: Tensor, other: Tensor, verb: str) -> None:
    if (state.shape, state.dtype) != (other.shape, other.dtype):
        types = [f"{tensor.dtype}{list(tensor.shape)}" for tensor in (state, other)]
        raise ModelError(f"variable {_called(handle)} is {types[0]}, but is {verb} {types[1]}")
