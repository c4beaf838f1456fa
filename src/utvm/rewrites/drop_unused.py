"""Operators and states whose values nothing uses."""

from __future__ import annotations

from dataclasses import replace

from utvm.model.graph import Model
from utvm.model.operator_types import Operator
from utvm.model.state import State


def drop_unused(model: Model) -> Model:
    """Drop every operator none of whose results a model output depends on, in this run or a later one."""
    states: tuple[State, ...] = ()
    while True:
        needed = {*model.outputs, *(state.update for state in states)}
        kept: list[Operator] = []
        for operator in reversed(model.operators):
            if needed.intersection(operator.outputs):
                needed.update(operator.inputs)
                kept.append(operator)
        # A state that is read needs its update, which may read further states.
        used = tuple(state for state in model.states if state.tensor in needed)
        if len(used) == len(states):
            return replace(model, states=used).with_operators(tuple(reversed(kept)))
        states = used
