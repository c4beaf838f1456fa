"""Transposes that leave every element where it is."""

from __future__ import annotations

from utvm.model.graph import Model
from utvm.model.operator_types import Operator, Reshape, Transpose


def transpose_to_reshape(model: Model) -> Model:
    """A Transpose that moves only axes of extent one is a Reshape, which needs no kernel."""
    return model.with_operators(tuple(_rewritten(model, operator) for operator in model.operators))


def _rewritten(model: Model, operator: Operator) -> Operator:
    if not isinstance(operator, Transpose):
        return operator
    extents = model.tensors[operator.inputs[0]].shape
    moved = [axis for axis in operator.permutation if extents[axis] > 1]
    if moved != sorted(moved):
        return operator
    shape = model.tensors[operator.outputs[0]].shape
    return Reshape(name=operator.name, inputs=operator.inputs, outputs=operator.outputs, shape=shape)
