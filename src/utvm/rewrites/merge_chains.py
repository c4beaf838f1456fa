"""Two operators of a kind in a row that one can do: reshapes, transposes, pads, lookups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from utvm.model.graph import Model
from utvm.model.operator_types import Lookup, Operator, Pad, Reshape, Transpose
from utvm.rewrites.drop_unused import drop_unused
from utvm.rewrites.editing import use_counts


def _reshapes(first: Reshape, second: Reshape) -> Reshape | None:
    return None if first.copies else replace(second, inputs=first.inputs)


def _transposes(first: Transpose, second: Transpose) -> Transpose:
    permutation = tuple(first.permutation[axis] for axis in second.permutation)
    return replace(second, inputs=first.inputs, permutation=permutation)


def _pads(first: Pad, second: Pad) -> Pad | None:
    # As text, because 0.0 equals -0.0.
    if str(first.value) != str(second.value):
        return None
    both = zip(first.paddings, second.paddings, strict=True)
    paddings = tuple((inner[0] + outer[0], inner[1] + outer[1]) for inner, outer in both)
    return replace(second, inputs=first.inputs, paddings=paddings)


def _lookups(first: Lookup, second: Lookup) -> Lookup:
    table = tuple(second.table[entry % len(second.table)] for entry in first.table)
    return replace(second, inputs=first.inputs, function="composed", table=table)


_MERGES: dict[type[Operator], Callable[[Any, Any], Operator | None]] = {
    Lookup: _lookups,
    Pad: _pads,
    Reshape: _reshapes,
    Transpose: _transposes,
}


def merge_chains(model: Model) -> Model:
    """Merge an operator with the one before it where that one has no other use.

    Reshapes need no kernel, so those merge whatever else reads the tensor between them.
    """
    uses = use_counts(model)
    producers: dict[str, Operator] = {}
    merged: list[Operator] = []
    for operator in model.operators:
        first = producers.get(operator.inputs[0]) if operator.inputs else None
        if first is not None and (isinstance(operator, Reshape) or uses[operator.inputs[0]] == 1):
            operator = _merged(first, operator)
        merged.append(operator)
        producers.update(dict.fromkeys(operator.outputs, operator))
    return drop_unused(model.with_operators(tuple(merged)))


def _merged(first: Operator, second: Operator) -> Operator:
    """One operator that does both, or the second as it is."""
    merge = _MERGES.get(type(second))
    if merge is None or type(first) is not type(second):
        return second
    return merge(first, second) or second
