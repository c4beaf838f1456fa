"""Operators whose results nothing uses."""

from __future__ import annotations

from utvm.model.graph import Model
from utvm.model.operator_types import Operator


def drop_unused(model: Model) -> Model:
    """Drop every operator none of whose results a model output depends on."""
    needed = set(model.outputs)
    kept: list[Operator] = []
    for operator in reversed(model.operators):
        if needed.intersection(operator.outputs):
            needed.update(operator.inputs)
            kept.append(operator)
    return model.with_operators(tuple(reversed(kept)))
