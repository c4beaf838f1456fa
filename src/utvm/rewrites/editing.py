"""What several rewrites need to edit a graph."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from utvm.model.graph import Model
from utvm.model.operator_types import Operator


def use_counts(model: Model) -> Counter[str]:
    """How often each tensor is used: once per operator that reads it, and once more if it is needed after the run."""
    counts = Counter(dict.fromkeys(model.results, 1))
    for operator in model.operators:
        counts.update(set(operator.inputs))
    return counts


def renamed(operator: Operator, names: Mapping[str, str]) -> Operator:
    """The operator with the tensors it reads and writes called by their new names."""
    if not any(name in names for name in (*operator.inputs, *operator.outputs)):
        return operator
    return replace(
        operator,
        inputs=tuple(names.get(name, name) for name in operator.inputs),
        outputs=tuple(names.get(name, name) for name in operator.outputs),
    )


def fresh_name(taken: Mapping[str, object], stem: str) -> str:
    """A name that no tensor has yet, `stem` if possible."""
    name = stem
    while name in taken:
        name += "_"
    return name
