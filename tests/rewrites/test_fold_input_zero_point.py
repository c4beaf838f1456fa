from dataclasses import replace

import numpy as np
import pytest

from tests.rewrites.graphs import GraphBuilder, assert_same_bytes
from utvm.model import Model
from utvm.model.fixed_point import INT32_MAX
from utvm.model.operator_types import Conv2D, DepthwiseConv2D, FullyConnected, Padding
from utvm.rewrites.fold_input_zero_point import fold_input_zero_point


def _zero_points(model: Model) -> list[int]:
    weighted = (Conv2D, DepthwiseConv2D, FullyConnected)
    return [operator.input_zero_point for operator in model.operators if isinstance(operator, weighted)]


@pytest.mark.parametrize("kind", ["conv", "groups", "depthwise", "dense"])
@pytest.mark.parametrize("zero_point", [-128, -1, 127])
def test_the_zero_point_moves_into_the_bias(kind: str, zero_point: int) -> None:
    g = GraphBuilder()
    if kind == "dense":
        end = g.dense(g.input((3, 7)), input_zero_point=zero_point)
    elif kind == "depthwise":
        end = g.depthwise(g.input((1, 5, 6, 2)), multiplier=2, input_zero_point=zero_point)
    else:
        image = g.input((1, 5, 6, 4))
        constants = (g.weights(6, 3, 2, 2 if kind == "groups" else 4), g.bias(6))
        end = g.conv(image, constants=constants, input_zero_point=zero_point, dilation=(1, 2), strides=(1, 2))
    model = g.model(end)
    after = fold_input_zero_point(model)
    assert _zero_points(after) == [0]
    assert_same_bytes(model, after)


def test_shared_constants_stay_as_they_are_for_others() -> None:
    g = GraphBuilder()
    x = g.input((3, 7))
    shared = (g.weights(4, 7), g.bias(4))
    folded = [g.dense(x, constants=shared, input_zero_point=zero) for zero in (9, 9, -7)]
    kept = g.dense(x, constants=shared, input_zero_point=9, weights_zero_point=1)
    model = g.model(*folded, kept)
    after = fold_input_zero_point(model)
    assert _zero_points(after) == [0, 0, 0, 9]
    biases = [operator.inputs[2] for operator in after.operators]
    assert biases[0] == biases[1] != biases[2] and biases[3] == shared[1]
    np.testing.assert_array_equal(after.tensors[shared[1]].data, model.tensors[shared[1]].data)
    assert_same_bytes(model, after)


def test_weights_shared_between_a_convolution_and_a_depthwise_one() -> None:
    g = GraphBuilder()
    x = g.input((1, 3, 3, 2))
    weights = g.weights(1, 2, 2, 2)
    # Two channels for one of them, one for the other.
    model = g.model(g.depthwise(x, constants=(weights, g.bias(2))), g.conv(x, constants=(weights, g.bias(1))))
    after = fold_input_zero_point(model)
    assert _zero_points(after) == [0, 0]
    assert_same_bytes(model, after)


STAYS = ["padding", "weights zero point", "computed weights", "computed bias", "input weights"]


@pytest.mark.parametrize("case", STAYS)
def test_it_stays_where_it_is_not_exact_or_not_known(case: str) -> None:
    g = GraphBuilder()
    if case == "padding":
        end = g.conv(g.input((1, 4, 4, 2)), padding=Padding(0, 0, 0, 1))
    elif case == "weights zero point":
        end = g.dense(g.input((2, 4)), weights_zero_point=-1)
    elif case == "computed weights":
        end = g.dense(g.input((2, 4)), constants=(g.clamp(g.input((3, 4)), -127, 127), g.bias(3)))
    elif case == "computed bias":
        end = g.dense(g.input((2, 4)), constants=(g.weights(3, 4), g.input((3,), "int32")))
    else:
        weights = g.weights(3, 4)
        end = g.dense(g.input((2, 4)), constants=(weights, g.bias(3)))
    model = g.model(end)
    if case == "input weights":
        model = replace(model, inputs=(*model.inputs, model.operators[0].inputs[1]))
    after = fold_input_zero_point(model)
    assert after.operators == model.operators


@pytest.mark.parametrize(
    ("bias", "weight", "folds"),
    [
        # Two weights of 100: bias + 5 * 200, and 128 * 200 more at the extremes.
        (INT32_MAX - 26_599, 100, False),
        (INT32_MAX - 26_600, 100, True),
        (-INT32_MAX + 26_599, -100, False),
        (-INT32_MAX + 26_600, -100, True),
    ],
)
def test_a_bias_that_would_let_the_accumulator_overflow_is_left_alone(bias: int, weight: int, folds: bool) -> None:
    g = GraphBuilder()
    constants = (g.constant(np.full((1, 2), weight, np.int8)), g.constant(np.array([bias], np.int32)))
    model = g.model(g.dense(g.input((4, 2)), constants=constants, input_zero_point=-5))
    after = fold_input_zero_point(model)
    assert _zero_points(after) == [0 if folds else -5]
    assert_same_bytes(model, after)


def test_a_zero_point_of_zero_needs_no_new_bias() -> None:
    g = GraphBuilder()
    model = g.model(g.dense(g.input((2, 4)), input_zero_point=0))
    assert fold_input_zero_point(model).operators == model.operators
