import pytest

from tests.rewrites.graphs import GraphBuilder, assert_same_bytes, kinds
from utvm.model.operator_types import Transpose
from utvm.rewrites.transpose_to_reshape import transpose_to_reshape


@pytest.mark.parametrize(
    ("shape", "permutation"),
    [((1, 4, 1, 6), (1, 0, 3, 2)), ((2, 3), (0, 1)), ((1, 1, 5), (2, 1, 0)), ((1, 1), (1, 0))],
)
def test_moving_axes_of_extent_one_is_a_reshape(shape: tuple[int, ...], permutation: tuple[int, ...]) -> None:
    g = GraphBuilder()
    model = g.model(g.op(Transpose, g.input(shape), permutation=permutation))
    after = transpose_to_reshape(model)
    assert kinds(after) == ["Reshape"]
    assert_same_bytes(model, after)


@pytest.mark.parametrize(
    ("shape", "permutation"), [((2, 2), (1, 0)), ((1, 4, 1, 6), (0, 3, 2, 1)), ((2, 3, 1), (1, 2, 0))]
)
def test_moving_elements_stays_a_transpose(shape: tuple[int, ...], permutation: tuple[int, ...]) -> None:
    g = GraphBuilder()
    model = g.model(g.op(Transpose, g.input(shape), permutation=permutation))
    assert kinds(transpose_to_reshape(model)) == ["Transpose"]
