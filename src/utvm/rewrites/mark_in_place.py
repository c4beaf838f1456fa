"""Which operators may write their result over an input."""

from __future__ import annotations

from dataclasses import replace

from utvm.model.graph import Model
from utvm.model.operator_types import Operator
from utvm.model.storage import is_view, storage_roots
from utvm.operators import rule_of

_NEVER_FREE = 1 << 62


def mark_in_place(model: Model) -> Model:
    """Set `in_place` where the kernel allows it and nothing needs the input's memory any more.

    Reshapes of activations and earlier results in place share memory with their input: what counts is the last use of
    any of them. Model inputs may be overwritten; model outputs, states and constants may not.
    """
    last_use = _last_uses(model)
    states = {state.tensor for state in model.states}
    stateful = {name: root for name, root in storage_roots(model).items() if root in states}
    storage = {name: name for name in model.given}
    # Until which operator each storage is needed, by all tensors known to live in it so far.
    needed = {name: _NEVER_FREE if name in states else last_use.get(name, -1) for name in model.given}
    marked: list[Operator] = []
    for position, operator in enumerate(model.operators):
        if is_view(model, operator):
            shared: int | None = 0
        elif not stateful.keys().isdisjoint(operator.outputs):
            shared = None
        else:
            shared = _free_input(model, operator, position, storage, needed)
            operator = replace(operator, in_place=shared)
        for index, name in enumerate(operator.outputs):
            takes_over = shared is not None and index == 0
            root = storage[operator.inputs[shared]] if takes_over and shared is not None else stateful.get(name, name)
            storage[name] = root
            needed[root] = max(needed.get(root, -1), last_use.get(name, -1))
        marked.append(operator)
    return model.with_operators(tuple(marked))


def _last_uses(model: Model) -> dict[str, int]:
    """Position of the last operator that reads each tensor."""
    last = {name: position for position, operator in enumerate(model.operators) for name in operator.inputs}
    return {**last, **dict.fromkeys(model.results, _NEVER_FREE)}


def _free_input(
    model: Model, operator: Operator, position: int, storage: dict[str, str], needed: dict[str, int]
) -> int | None:
    """Index of the first input that may be overwritten."""
    inputs, outputs = model.input_tensors(operator), model.output_tensors(operator)
    candidates = rule_of(operator).in_place_inputs(operator, inputs, outputs)
    for index in candidates:
        name = operator.inputs[index]
        if inputs[index].is_constant or needed[storage[name]] != position:
            continue
        # The same memory under another name or in another role would be overwritten before it is read.
        sharing = [other for other, tensor in enumerate(operator.inputs) if storage.get(tensor) == storage[name]]
        if all(other in candidates and operator.inputs[other] == name for other in sharing):
            return index
    return None
