from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest

from tests.kernels.host import merge_models, run_compiled
from tests.rewrites.graphs import GraphBuilder, assert_same_bytes, kinds, random_inputs
from tests.rewrites.random_graphs import random_graph
from utvm.codegen.lifetimes import find_lifetimes
from utvm.errors import ModelError
from utvm.model import Model
from utvm.model.operator_types import Pad, Reshape, Transpose
from utvm.model.storage import is_view
from utvm.operators import ReferenceSequence
from utvm.rewrites import PIPELINE, pipeline, rewrite
from utvm.rewrites.remove_dead_channels import remove_dead_channels

GRAPHS = 400
BATCH = 200
COMPILED_GRAPHS = 12
HOSTILE_LENGTH = 3000


def test_each_rewrite_is_called_like_its_file() -> None:
    for step in PIPELINE:
        assert step.__module__ == f"utvm.rewrites.{step.__name__}"
        assert step.__doc__


def test_a_rewrite_that_breaks_the_graph_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def drop_everything(model: Model) -> Model:
        return model.with_operators(())

    monkeypatch.setattr(pipeline, "PIPELINE", (drop_everything,))
    g = GraphBuilder()
    model = g.model(g.clamp(g.input((3,)), 0, 1))
    with pytest.raises(ModelError, match="after rewrite drop_everything"):
        rewrite(model)


@pytest.mark.parametrize("seed", range(0, GRAPHS, BATCH))
def test_random_graphs_keep_their_bytes(seed: int) -> None:
    seen: Counter[str] = Counter()
    for graph in range(seed, seed + BATCH):
        model = random_graph(graph)
        for step in PIPELINE:
            after = step(model)
            seen[step.__name__] += after.operators != model.operators
            assert_same_bytes(model, after, runs=1)
            model = after
        _assert_memory_is_whole(model)
    # These graphs have too few channels for dead ones to be worth removing; it has random chains of its own.
    steps = [step.__name__ for step in PIPELINE if step is not remove_dead_channels]
    idle = [name for name in steps if seen[name] < 5]
    assert not idle, f"hardly ever changed a graph: {idle} of {seen}"


def _assert_memory_is_whole(model: Model) -> None:
    """Follow which tensors each storage holds: every read, and every output in the end, must find its own."""
    storage = find_lifetimes(model).storage
    holds: dict[str, set[str]] = {name: {name} for name in model.given}
    for operator in model.operators:
        for name in operator.inputs:
            assert model.tensors[name].is_constant or name in holds[storage[name]], f"{operator} reads {name} too late"
        for name in operator.outputs:
            holds[storage[name]] = {name} | (holds[storage[name]] if is_view(model, operator) else set())
    for name in model.results:
        assert name in holds[storage[name]], f"result {name} was overwritten"
    for state in model.states:
        assert storage[state.update] == state.tensor


def test_compiled_random_graphs_give_the_same_bytes() -> None:
    model = merge_models([random_graph(1000 + seed) for seed in range(COMPILED_GRAPHS)])
    rewritten = rewrite(model)
    assert sum(operator.in_place is not None for operator in rewritten.operators) >= COMPILED_GRAPHS // 2
    runs = [random_inputs(model, seed) for seed in range(3)]
    # Optimized, so that a wrong `restrict` would show.
    sequence = ReferenceSequence(model)
    for inputs, got in zip(runs, run_compiled(model, runs, flags=("-O2",)), strict=True):
        for name, expected in sequence.run(inputs).items():
            np.testing.assert_array_equal(got[name], expected, err_msg=name)


def test_rewriting_is_deterministic_and_settles() -> None:
    for seed in range(20):
        once = rewrite(random_graph(seed))
        assert rewrite(random_graph(seed)).operators == once.operators
        assert len(rewrite(once).operators) <= len(once.operators)


def test_a_chain_that_ends_where_it_began_vanishes() -> None:
    g = GraphBuilder()
    x = start = g.clamp(g.input((2, 3, 4)), 0, 100)
    for permutation in ((2, 0, 1), (1, 2, 0)):
        x = g.op(Transpose, x, permutation=permutation)
    x = g.op(Reshape, g.op(Reshape, x, shape=(24,)), shape=(2, 3, 4))
    model = g.model(g.add(x, start))
    assert kinds(rewrite(model)) == ["Lookup", "Add"]
    assert_same_bytes(model, rewrite(model))


def _chain(kind: str) -> Model:
    g = GraphBuilder()
    x = g.input((1, 2, 2, 2))
    first = x
    for index in range(HOSTILE_LENGTH):
        if kind == "reshape":
            x = g.op(Reshape, x, shape=(8,) if index % 2 else (1, 8))
        elif kind == "transpose":
            x = g.op(Transpose, x, permutation=(0, 2, 3, 1))
        elif kind == "lookup":
            x = g.lookup(x, g.random_table())
        elif kind == "no-op":
            x = g.op(Pad, x, paddings=((0, 0),) * 4, value=0)
        elif kind == "clamp":
            x = g.clamp(g.pool(x, "max", (1, 1), clamp=(-100, 100)), -90, 90)
        elif kind == "fan-out":
            x = g.add(x, first)
    return g.model(x)


@pytest.mark.parametrize("kind", ["reshape", "transpose", "lookup", "no-op", "clamp", "fan-out"])
def test_long_chains_take_time_in_proportion(kind: str) -> None:
    model = _chain(kind)
    begin = time.process_time()
    after = rewrite(model)
    # A quadratic rewrite would take minutes.
    assert time.process_time() - begin < 10
    assert_same_bytes(model, after, runs=1)
