"""The model graph: tensors and operators in execution order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from utvm.errors import ModelError
from utvm.model.operator_types import Operator
from utvm.model.tensor import Tensor


@dataclass(frozen=True, eq=False)
class Model:
    """A network: every tensor by name, operators in an order they can run in, inputs and outputs by name."""

    name: str
    tensors: Mapping[str, Tensor]
    operators: tuple[Operator, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    source_hash: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))

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
        """The operators that read each tensor, in order; model outputs are not listed."""
        readers: dict[str, list[Operator]] = {name: [] for name in self.tensors}
        for operator in self.operators:
            for name in dict.fromkeys(operator.inputs):
                readers[name].append(operator)
        return readers

    def with_operators(self, operators: tuple[Operator, ...], tensors: Mapping[str, Tensor] | None = None) -> Model:
        """The model with other operators (and tensors); tensors that nothing uses any more are dropped."""
        pool = self.tensors if tensors is None else tensors
        used = dict.fromkeys([*self.inputs, *self.outputs])
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
    ready = set(model.inputs) | {name for name, tensor in model.tensors.items() if tensor.is_constant}
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
    for name in model.outputs:
        if name not in ready:
            raise ModelError(f"{model.name}: output {name!r} is never written")
