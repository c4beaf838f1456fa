import numpy as np
import pytest

from tests.rewrites.graphs import GraphBuilder, assert_same_bytes, kinds
from utvm.model.operator_types import Lookup, Pad, Reshape, Transpose
from utvm.rewrites.merge_chains import merge_chains


def test_a_chain_of_reshapes_is_one() -> None:
    g = GraphBuilder()
    x = g.input((2, 6))
    for shape in ((12,), (3, 4), (1, 12), (6, 2)):
        last = x = g.op(Reshape, x, shape=shape)
    model = g.model(last)
    after = merge_chains(model)
    assert kinds(after) == ["Reshape"]
    assert after.operators[0].inputs == ("input0",)
    assert_same_bytes(model, after)


def test_reshapes_merge_across_an_output() -> None:
    g = GraphBuilder()
    middle = g.op(Reshape, g.input((2, 6)), shape=(12,))
    model = g.model(middle, g.op(Reshape, middle, shape=(3, 4)))
    after = merge_chains(model)
    assert [operator.inputs for operator in after.operators] == [("input0",), ("input0",)]
    assert_same_bytes(model, after)


def test_transposes_compose() -> None:
    g = GraphBuilder()
    x = g.input((2, 3, 4))
    for permutation in ((1, 2, 0), (0, 2, 1), (2, 0, 1)):
        x = g.op(Transpose, x, permutation=permutation)
    model = g.model(x)
    after = merge_chains(model)
    assert kinds(after) == ["Transpose"]
    assert_same_bytes(model, after)


def test_pads_of_one_value_add_up() -> None:
    g = GraphBuilder()
    x = g.input((2, 3))
    inner = g.op(Pad, x, paddings=((1, 0), (2, 3)), value=4)
    model = g.model(g.op(Pad, inner, paddings=((0, 5), (1, 0)), value=4))
    after = merge_chains(model)
    assert kinds(after) == ["Pad"]
    assert_same_bytes(model, after)


@pytest.mark.parametrize(("dtype", "first", "second"), [("int8", 4, 5), ("float32", 0.0, -0.0)])
def test_pads_of_two_values_stay(dtype: str, first: float, second: float) -> None:
    g = GraphBuilder()
    inner = g.op(Pad, g.input((3,), dtype), paddings=((1, 0),), value=first)
    model = g.model(g.op(Pad, inner, paddings=((1, 0),), value=second))
    assert kinds(merge_chains(model)) == ["Pad", "Pad"]


def test_lookups_compose_across_dtypes() -> None:
    g = GraphBuilder()
    random = g.random
    middle = g.lookup(g.input((40,)), random.integers(0, 256, 256).tolist(), dtype="uint8")
    end = g.lookup(g.lookup(middle, g.random_table()), g.random_table())
    model = g.model(end)
    after = merge_chains(model)
    assert kinds(after) == ["Lookup"]
    assert after.tensors[end].dtype == "int8"
    assert_same_bytes(model, after)


def test_lookups_and_transposes_with_several_readers_stay() -> None:
    g = GraphBuilder()
    x = g.input((4, 4))
    looked = g.lookup(x, g.random_table())
    turned = g.op(Transpose, x, permutation=(1, 0))
    model = g.model(
        g.lookup(looked, g.random_table()),
        g.op(Transpose, looked, permutation=(1, 0)),
        g.op(Transpose, turned, permutation=(1, 0)),
        turned,
    )
    after = merge_chains(model)
    assert after.operators == model.operators
    assert_same_bytes(model, after)


def test_lookups_merge_after_a_shared_tensor_but_not_through_it() -> None:
    g = GraphBuilder()
    shared = g.lookup(g.input((9,)), g.random_table())
    chain = g.lookup(g.lookup(shared, g.random_table()), g.random_table())
    model = g.model(chain, shared)
    after = merge_chains(model)
    assert kinds(after) == ["Lookup", "Lookup"]
    merged = after.operators[1]
    assert isinstance(merged, Lookup) and merged.inputs == (shared,)
    assert_same_bytes(model, after)


def test_merged_tables_stay_small() -> None:
    g = GraphBuilder()
    x = g.input((5,), "uint8")
    for _ in range(50):
        x = g.lookup(x, np.roll(np.arange(256), 1).tolist(), dtype="uint8", function="successor")
    after = merge_chains(g.model(x))
    (merged,) = after.operators
    assert isinstance(merged, Lookup) and len(merged.function) < 20
    assert merged.table == tuple(np.roll(np.arange(256), 50).tolist())
