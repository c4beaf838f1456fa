"""Which activations share storage, and from which call to which each storage is needed."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.codegen.memory_plan import Item
from utvm.model.graph import Model
from utvm.model.operator_types import Operator
from utvm.model.storage import check_state_order, is_view, storage_roots


@dataclass(frozen=True)
class Lifetimes:
    """`calls`: the operators that need a kernel, in order; `storage`: the item each activation lives in;
    `spans`: first and last call of each activation (-1 as first: filled before the run).

    `items` are the storages of the arenas; those of `states` are needed always.
    """

    calls: tuple[Operator, ...]
    items: tuple[Item, ...]
    states: tuple[Item, ...]
    storage: dict[str, str]
    spans: dict[str, tuple[int, int]]


def overwritable_inputs(model: Model, lifetimes: Lifetimes) -> list[bool]:
    """Per call, whether its output has storage of its own, and nothing needs that of its first input afterwards."""
    items = {item.name: item for item in lifetimes.items}
    kept = {lifetimes.storage[name] for name in model.outputs if name in lifetimes.storage}
    found = []
    for call, operator in enumerate(lifetimes.calls):
        # Constants have no storage, states are no items.
        roots = [lifetimes.storage.get(name) for name in operator.inputs]
        first, output = (roots[0] if roots else None), operator.outputs[0]
        free = first in items and first not in kept and roots.count(first) == 1 and items[first].last == call
        found.append(free and lifetimes.storage[output] == output)
    return found


def find_lifetimes(model: Model) -> Lifetimes:
    """Lifetimes in execution order; inputs are filled before call 0 and outputs are read after the last call.

    Raises ModelError where a state is read after it was overwritten: rewrites.place_states comes first.
    """
    storage = storage_roots(model)
    check_state_order(model, storage)
    spans: dict[str, tuple[int, int]] = {name: (-1, -1) for name in model.given}
    calls: list[Operator] = []
    for operator in model.operators:
        view = is_view(model, operator)
        moment = len(calls) - 1 if view else len(calls)
        for name in operator.inputs:
            if name in spans:
                spans[name] = (spans[name][0], max(spans[name][1], moment))
        for name in operator.outputs:
            spans[name] = (moment, moment)
        if not view:
            calls.append(operator)
    end = max(len(calls) - 1, 0)
    for name in model.results:
        if name in spans:
            spans[name] = (spans[name][0], end)
    states = {state.tensor for state in model.states}
    items = _items(model, storage, spans)
    return Lifetimes(
        calls=tuple(calls),
        items=tuple(item for item in items if item.name not in states),
        states=tuple(item for item in items if item.name in states),
        storage=storage,
        spans=spans,
    )


def _items(model: Model, storage: dict[str, str], spans: dict[str, tuple[int, int]]) -> tuple[Item, ...]:
    members: dict[str, list[str]] = {}
    for name, root in storage.items():
        members.setdefault(root, []).append(name)
    return tuple(
        Item(
            root,
            max(model.tensors[name].size_bytes for name in names),
            min(spans[name][0] for name in names),
            max(spans[name][1] for name in names),
        )
        for root, names in members.items()
    )
