from tests.rewrites.graphs import GraphBuilder, assert_same_bytes, kinds
from utvm.model.operator_types import Reshape, Transpose
from utvm.rewrites.drop_unused import drop_unused


def test_operators_nothing_depends_on_are_dropped_with_their_constants() -> None:
    g = GraphBuilder()
    x = g.input((1, 4, 4, 2))
    kept = g.op(Reshape, x, shape=(1, 32))
    dead = g.conv(x)
    g.op(Reshape, dead, shape=(12,))
    model = g.model(kept)
    after = drop_unused(model)
    assert kinds(after) == ["Reshape"]
    assert set(after.tensors) == {x, kept}
    assert_same_bytes(model, after)


def test_an_output_in_the_middle_keeps_what_it_needs() -> None:
    g = GraphBuilder()
    x = g.input((1, 4, 4, 2))
    middle = g.op(Transpose, x, permutation=(0, 2, 1, 3))
    end = g.op(Reshape, middle, shape=(32,))
    model = g.model(middle, end)
    assert kinds(drop_unused(model)) == ["Transpose", "Reshape"]
    assert kinds(drop_unused(g.model(middle))) == ["Transpose"]


def test_unused_inputs_stay() -> None:
    g = GraphBuilder()
    x, unused = g.input((3,)), g.input((5,))
    model = g.model(g.op(Reshape, x, shape=(1, 3)))
    after = drop_unused(model)
    assert after.inputs == (x, unused)
    assert_same_bytes(model, after)
