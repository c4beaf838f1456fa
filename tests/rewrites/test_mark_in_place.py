import numpy as np

from tests.rewrites.graphs import IDENTITY, GraphBuilder, assert_same_bytes
from utvm.codegen.lifetimes import find_lifetimes
from utvm.model import Model
from utvm.model.operator_types import Reshape
from utvm.rewrites.mark_in_place import mark_in_place

SHAPE = (1, 4, 4, 2)


def _marks(model: Model) -> list[int | None]:
    after = mark_in_place(model)
    assert_same_bytes(model, after)
    find_lifetimes(after)
    return [operator.in_place for operator in after.operators]


def test_elementwise_operators_take_over_their_input() -> None:
    g = GraphBuilder()
    x, y = g.input(SHAPE), g.input(SHAPE)
    total = g.add(x, g.clamp(y, -50, 50))
    model = g.model(g.softmax(g.lookup(g.mul(total, total), g.random_table())))
    assert _marks(model) == [0, 0, 0, 0, 0]
    lifetimes = find_lifetimes(mark_in_place(model))
    assert len(lifetimes.items) == 2


def test_the_other_input_is_taken_over_when_one_is_read_later() -> None:
    g = GraphBuilder()
    x, y = g.input(SHAPE), g.input(SHAPE)
    assert _marks(g.model(g.add(x, y), g.clamp(x, 0, 1))) == [1, 0]


def test_inputs_read_later_are_not_overwritten() -> None:
    g = GraphBuilder()
    x, y = g.input(SHAPE), g.input(SHAPE)
    assert _marks(g.model(g.add(x, y), g.clamp(x, 0, 1), g.clamp(y, 0, 1))) == [None, 0, 0]


def test_model_outputs_and_constants_are_not_overwritten() -> None:
    g = GraphBuilder()
    x = g.input(SHAPE)
    middle = g.clamp(x, 0, 50)
    fixed = g.constant(np.ones(SHAPE, np.int8))
    assert _marks(g.model(middle, g.add(fixed, middle))) == [0, None]


def test_an_input_that_is_an_output_is_not_overwritten() -> None:
    g = GraphBuilder()
    x = g.input(SHAPE)
    assert _marks(g.model(x, g.clamp(x, 0, 1))) == [None]


def test_a_broadcast_input_is_not_taken_over() -> None:
    g = GraphBuilder()
    wide, narrow = g.input(SHAPE), g.input((1, 1, 1, 2))
    column, row = g.input((4, 1)), g.input((1, 4))
    assert _marks(g.model(g.add(narrow, wide), g.add(column, row))) == [1, None]


def test_views_keep_their_memory() -> None:
    g = GraphBuilder()
    x = g.input(SHAPE)
    view = g.op(Reshape, x, shape=(32,))
    model = g.model(g.clamp(x, 0, 1), g.lookup(view, IDENTITY))
    # The first lookup may not overwrite what the view still needs, the second one may.
    assert _marks(model) == [None, None, 0]


def test_a_view_that_is_an_output_keeps_its_memory() -> None:
    g = GraphBuilder()
    x = g.input(SHAPE)
    view = g.op(Reshape, x, shape=(32,))
    assert _marks(g.model(g.clamp(x, 0, 1), view)) == [None, None]


def test_a_view_made_later_keeps_its_memory() -> None:
    g = GraphBuilder()
    x = g.input(SHAPE)
    early = g.clamp(x, 0, 1)
    late = g.op(Reshape, x, shape=(32,))
    assert _marks(g.model(early, g.clamp(late, 0, 2))) == [None, None, 0]


def test_the_last_use_through_a_view_takes_over() -> None:
    g = GraphBuilder()
    view = g.op(Reshape, g.clamp(g.input(SHAPE), 0, 9), shape=(32,))
    model = g.model(g.clamp(view, 0, 5))
    assert _marks(model) == [0, None, 0]
    assert len(find_lifetimes(mark_in_place(model)).items) == 1


def test_two_names_for_one_memory_are_not_taken_over() -> None:
    g = GraphBuilder()
    x = g.input((1, 8))
    view = g.op(Reshape, x, shape=(8,))
    assert _marks(g.model(g.add(x, view))) == [None, None]


def test_a_result_in_place_is_needed_as_long_as_its_readers_say() -> None:
    g = GraphBuilder()
    first = g.clamp(g.input(SHAPE), 0, 9)
    second = g.clamp(first, 0, 5)
    third = g.clamp(second, 0, 3)
    assert _marks(g.model(third, g.add(second, third))) == [0, 0, None, 0]


def test_operators_that_cannot_are_not_marked() -> None:
    g = GraphBuilder()
    x = g.input(SHAPE)
    assert _marks(g.model(g.dense(g.op(Reshape, g.conv(x), shape=(1, 12))))) == [None, None, None]
