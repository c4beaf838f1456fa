"""Which tensors live in the same memory: views, results in place, and states with what becomes of them."""

from __future__ import annotations

from utvm.errors import ModelError
from utvm.model.graph import Model
from utvm.model.operator_types import Operator, Reshape


def is_view(model: Model, operator: Operator) -> bool:
    """Whether the operator only renames memory, so that no kernel runs for it."""
    return isinstance(operator, Reshape) and not operator.copies and not model.tensors[operator.inputs[0]].is_constant


def taken_over(model: Model, operator: Operator) -> dict[int, int]:
    """The outputs of an operator that live in the memory of one of its inputs: indices of both."""
    if is_view(model, operator):
        return {0: 0}
    shared = dict(operator.updates)
    return shared if operator.in_place is None else {**shared, 0: operator.in_place}


def view_roots(model: Model) -> dict[str, str]:
    """For each activation the tensor that stands for its memory: the first that lives there, as operators tell."""
    roots = {name: name for name in model.given}
    for operator in model.operators:
        shared = taken_over(model, operator)
        for index, name in enumerate(operator.outputs):
            roots[name] = roots[operator.inputs[shared[index]]] if index in shared else name
    return roots


def storage_roots(model: Model) -> dict[str, str]:
    """The same in a model whose states are placed (rewrites.place_states): their updates live in their memory."""
    roots = view_roots(model)
    claims = {roots.get(state.update, state.update): state.tensor for state in model.states}
    return {name: claims.get(root, root) for name, root in roots.items()}


def check_state_order(model: Model, roots: dict[str, str]) -> None:
    """Raise ModelError if a state's value is read after its memory holds another: the graph was not placed."""
    states = {state.tensor for state in model.states}
    # What each state's memory holds, and of which value each tensor in it is a view.
    holds = {name: name for name in states}
    values = {name: name for name in states}

    def require_current(name: str, who: str) -> None:
        root = roots.get(name)
        if root in states and holds[root] != values[name]:
            raise ModelError(f"{model.name}: {who} reads {name!r} after the state {root!r} was overwritten")

    for operator in model.operators:
        for name in operator.inputs:
            require_current(name, operator.name)
        for name in operator.outputs:
            root = roots[name]
            if root in states:
                values[name] = values[operator.inputs[0]] if is_view(model, operator) else name
                holds[root] = values[name]
    for name in model.results:
        require_current(name, "the end of a run")
    for state in model.states:
        if roots.get(state.update) != state.tensor:
            raise ModelError(f"{model.name}: {state.update!r} is not in the memory of the state {state.tensor!r}")
