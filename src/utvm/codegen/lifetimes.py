"""Which activations share storage, and from which call to which each storage is needed."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.codegen.memory_plan import Item
from utvm.model.graph import Model
from utvm.model.operator_types import Operator, Reshape


@dataclass(frozen=True)
class Lifetimes:
    """`calls`: the operators that need a kernel, in order; `storage`: the item each activation lives in;
    `spans`: first and last call of each activation (-1 as first: filled before the run)."""

    calls: tuple[Operator, ...]
    items: tuple[Item, ...]
    storage: dict[str, str]
    spans: dict[str, tuple[int, int]]


def is_view(model: Model, operator: Operator) -> bool:
    """Whether the operator only renames memory, so that no kernel runs for it."""
    return isinstance(operator, Reshape) and not model.tensors[operator.inputs[0]].is_constant


def overwritable_inputs(model: Model, lifetimes: Lifetimes) -> list[bool]:
    """Per call, whether its output has storage of its own, and nothing needs that of its first input afterwards."""
    items = {item.name: item for item in lifetimes.items}
    kept = {lifetimes.storage[name] for name in model.outputs if name in lifetimes.storage}
    found = []
    for call, operator in enumerate(lifetimes.calls):
        # Constants have no storage.
        roots = [lifetimes.storage.get(name) for name in operator.inputs]
        first, output = (roots[0] if roots else None), operator.outputs[0]
        free = first is not None and first not in kept and roots.count(first) == 1 and items[first].last == call
        found.append(free and lifetimes.storage[output] == output)
    return found


def find_lifetimes(model: Model) -> Lifetimes:
    """Lifetimes in execution order; inputs are filled before call 0 and outputs are read after the last call."""
    storage: dict[str, str] = {name: name for name in model.inputs}
    spans: dict[str, tuple[int, int]] = {name: (-1, -1) for name in model.inputs}
    calls: list[Operator] = []
    for operator in model.operators:
        view = is_view(model, operator)
        moment = len(calls) - 1 if view else len(calls)
        for name in operator.inputs:
            if name in spans:
                spans[name] = (spans[name][0], max(spans[name][1], moment))
        shared = 0 if view else operator.in_place
        for position, name in enumerate(operator.outputs):
            spans[name] = (moment, moment)
            takes_over = shared is not None and position == 0
            storage[name] = storage[operator.inputs[shared]] if takes_over and shared is not None else name
        if not view:
            calls.append(operator)
    end = max(len(calls) - 1, 0)
    for name in model.outputs:
        spans[name] = (spans[name][0], end)
    return Lifetimes(tuple(calls), _items(model, storage, spans), storage, spans)


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
