"""States that are updated in their own memory, and copies where the order of reads and writes forbids it."""

from __future__ import annotations

from dataclasses import replace

from utvm.model.graph import Model
from utvm.model.operator_types import Operator, Reshape
from utvm.model.state import State
from utvm.model.storage import is_view, view_roots
from utvm.operators import rule_of
from utvm.rewrites.editing import fresh_name


def place_states(model: Model) -> Model:
    """Let whatever computes a state's next value write it over the old one, where nothing reads that any more.

    Elsewhere the next value is computed in the arena and copied behind the last reader of the old one.
    """
    model = _results_apart(model)
    claimed: set[str] = set()
    for index, state in enumerate(model.states):
        model = _placed(model, index, claimed)
        claimed.add(view_roots(model).get(model.states[index].update, state.tensor))
    return model


def _results_apart(model: Model) -> Model:
    """Copies instead of views of states where the value is needed after the run, when the state has its next."""
    for index, state in enumerate(model.states):
        if any(state.update == other.tensor for other in model.states if other is not state):
            model = _with_copy(model, index, 0)
    roots = view_roots(model)
    changing = {state.tensor for state in model.states if state.update != state.tensor}
    own = {(state.tensor, state.update) for state in model.states}

    def outlives(name: str) -> bool:
        root = roots[name]
        return name in model.results and root in changing and (root, name) not in own

    operators = tuple(
        replace(operator, copies=True)
        if isinstance(operator, Reshape) and is_view(model, operator) and outlives(operator.outputs[0])
        else operator
        for operator in model.operators
    )
    return model.with_operators(operators)


def _placed(model: Model, index: int, claimed: set[str]) -> Model:
    """The model with one more state whose update can live in its memory."""
    state, roots = model.states[index], view_roots(model)
    root = roots.get(state.update)
    if root == state.tensor:
        return model
    readers = [
        position
        for position, operator in enumerate(model.operators)
        if not is_view(model, operator) and any(roots.get(name) == state.tensor for name in operator.inputs)
    ]
    writer = next((at for at, operator in enumerate(model.operators) if root in operator.outputs), None)
    if root in claimed or writer is None or any(position > writer for position in readers):
        defined = [at for at, operator in enumerate(model.operators) if state.update in operator.outputs]
        return _with_copy(model, index, max([*readers, *defined], default=-1) + 1)
    if writer not in readers:
        return model
    shared = _overwritable(model, model.operators[writer], state, roots)
    if shared is None or root != model.operators[writer].outputs[0]:
        return _with_copy(model, index, writer + 1)
    operators = list(model.operators)
    operators[writer] = replace(operators[writer], in_place=shared)
    return model.with_operators(tuple(operators))


def _overwritable(model: Model, operator: Operator, state: State, roots: dict[str, str]) -> int | None:
    """The input by which the operator reads the state, if it may write its result over that."""
    candidates = rule_of(operator).in_place_inputs(
        operator, model.input_tensors(operator), model.output_tensors(operator)
    )
    sharing = [index for index, name in enumerate(operator.inputs) if roots.get(name) == state.tensor]
    first = sharing[0]
    same = all(index in candidates and operator.inputs[index] == operator.inputs[first] for index in sharing)
    return first if same else None


def _with_copy(model: Model, index: int, position: int) -> Model:
    """The model in which a copy of a state's update, made before the operator at `position`, is its update instead."""
    state = model.states[index]
    name = fresh_name(model.tensors, f"{state.tensor}/next")
    tensor = replace(model.tensors[state.tensor], name=name)
    copy = Reshape(
        name=f"copy to {name}", inputs=(state.update,), outputs=(name,), shape=tensor.shape, copies=True
    )  # fmt: skip
    states = list(model.states)
    states[index] = replace(state, update=name)
    operators = (*model.operators[:position], copy, *model.operators[position:])
    placed = replace(model, states=tuple(states), tensors={**model.tensors, name: tensor})
    return placed.with_operators(operators)
