"""The model graph: tensors and operators in execution order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from utvm.errors import ModelError
from utvm.model.operator_types import Operator
from utvm.model.state import State
from utvm.model.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Model:
    """A network: every tensor by name, operators in an order they can run in, inputs and outputs by name.

    Each tensor is written once in a run, states too: what a run begins with and what it leaves for the next are two
    tensors, so that order never matters to a rewrite. The memory plan gives both the same place.
    """

    name: str
    tensors: Mapping[str, Tensor]
    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    source_hash: str = ""
    states: tuple[State, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))

    @property
    def given(self) -> tuple[str, ...]:
        """Tensors that have a value when a run begins: inputs and states."""
        return (*self.inputs, *(state.tensor for state in self.states))

    @property
    def results(self) -> tuple[str, ...]:
        """Tensors whose value is needed when a run ends: outputs and what becomes of the states."""
        return tuple(dict.fromkeys([*self.outputs, *(state.update for state in self.states)]))

    def input_tensors(self, operator: Operator) -> tuple[Tensor, ...]:
        """The tensors an operator reads."""
        return tuple(self.tensors[name] for name in operator.inputs)

    def output_tensors(self, operator: Operator) -> tuple[Tensor, ...]:
        """The tensors an operator writes."""
        return tuple(self.tensors[name] for name in operator.outputs)

    def producers(self) -> dict[str, Operator]:
        """The operator that writes each tensor."""
        return {name: operator for operator in self.operators for name in operator.outputs}

    def consumers(self) -> dict[str, list[Operator]]:
        """The operators that read each tensor, in order; results are not listed."""
        readers: dict[str, list[Operator]] = {name: [] for name in self.tensors}
        for operator in self.operators:
            for name in dict.fromkeys(operator.inputs):
                readers[name].append(operator)
        return readers

    def with_operators(self, operators: tuple[Operator, ...], tensors: Mapping[str, Tensor] | None = None) -> Model:
        """The model with other operators (and tensors); tensors that nothing uses any more are dropped."""
        pool = self.tensors if tensors is None else tensors
        used = dict.fromkeys([*self.given, *self.results])
        for operator in operators:
            used.update(dict.fromkeys([*operator.inputs, *operator.outputs]))
        kept = {name: tensor for name, tensor in pool.items() if name in used}
        return replace(self, operators=operators, tensors=kept)


def check_structure(model: Model) -> None:
    """Raise ModelError unless names resolve, each value is written once, before it is read, and constants fit."""
    for name, tensor in model.tensors.items():
        if name != tensor.name:
            raise ModelError(f"{model.name}: tensor {tensor.name!r} is filed under {name!r}")
        if any(extent <= 0 for extent in tensor.shape):
            raise ModelError(f"{model.name}: tensor {tensor} has an extent below one")
        if tensor.data is not None and (tensor.data.shape != tensor.shape or tensor.data.dtype.name != tensor.dtype):
            raise ModelError(
                f"{model.name}: constant {tensor} holds {tensor.data.dtype.name}{list(tensor.data.shape)} elements"
            )
    for name in (*model.inputs, *model.outputs):
        if name not in model.tensors:
            raise ModelError(f"{model.name}: input or output {name!r} is not a tensor of the model")
    _check_states(model)
    ready = set(model.given) | {name for name, tensor in model.tensors.items() if tensor.is_constant}
    for operator in model.operators:
        for name in (*operator.inputs, *operator.outputs):
            if name not in model.tensors:
                raise ModelError(f"{model.name}: {operator.name} uses {name!r}, which is not a tensor of the model")
        for name in operator.inputs:
            if name not in ready:
                raise ModelError(f"{model.name}: {operator.name} reads {name!r} before anything writes it")
        for name in operator.outputs:
            if name in ready:
                raise ModelError(f"{model.name}: {operator.name} writes {name!r}, which already has a value")
            ready.add(name)
    states = {state.tensor for state in model.states}
    for name in model.outputs:
        if name not in ready:
            raise ModelError(f"{model.name}: output {name!r} is never written")
        if name in states:
            raise ModelError(f"{model.name}: output {name!r} is a state; let a Reshape give it a name of its own")
    for state in model.states:
        if state.update not in ready:
            raise ModelError(f"{model.name}: {state.update!r}, the next value of {state.tensor!r}, is never written")


def _check_states(model: Model) -> None:
    """Raise ModelError unless each state is a tensor of its own and its update and initial value fit it."""
    taken = set(model.inputs)
    for state in model.states:
        for name in (state.tensor, state.update):
            if name not in model.tensors:
                raise ModelError(f"{model.name}: state {name!r} is not a tensor of the model")
        tensor, update = model.tensors[state.tensor], model.tensors[state.update]
        if state.tensor in taken:
            raise ModelError(f"{model.name}: state {tensor} is an input or another state, too")
        taken.add(state.tensor)
        if tensor.is_constant:
            raise ModelError(f"{model.name}: state {tensor} is a constant")
        if (update.shape, update.dtype) != (tensor.shape, tensor.dtype):
            raise ModelError(f"{model.name}: state {tensor} cannot become {update}, which is of another type")
        if (state.initial.shape, state.initial.dtype.name) != (tensor.shape, tensor.dtype):
            raise ModelError(
                f"{model.name}: state {tensor} cannot begin as {state.initial.dtype.name}{list(state.initial.shape)}"
            )
