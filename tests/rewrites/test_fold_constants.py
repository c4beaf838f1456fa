from dataclasses import replace

import numpy as np
import pytest

from tests.rewrites.graphs import GraphBuilder, assert_same_bytes, kinds
from utvm.model.operator_types import Concatenation, Pad, Padding, Reshape, Transpose
from utvm.rewrites import fold_constants as folding
from utvm.rewrites.fold_constants import fold_constants


def test_a_chain_of_constants_becomes_one_constant() -> None:
    g = GraphBuilder()
    x = g.input((1, 4))
    data = g.random.integers(-128, 128, (3, 2), dtype=np.int8)
    turned = g.op(Transpose, g.constant(data), permutation=(1, 0))
    padded = g.op(Pad, turned, paddings=((0, 0), (1, 0)), value=7)
    joined = g.op(Concatenation, x, g.op(Reshape, padded, shape=(1, 8)), axis=1)
    model = g.model(joined)
    after = fold_constants(model)
    assert kinds(after) == ["Concatenation"]
    folded = after.tensors[after.operators[0].inputs[1]].data
    assert folded is not None
    np.testing.assert_array_equal(folded, np.pad(data.T, ((0, 0), (1, 0)), constant_values=7).reshape(1, 8))
    assert_same_bytes(model, after)


def test_a_constant_that_is_a_model_output_stays_computed() -> None:
    g = GraphBuilder()
    x = g.input((2,))
    fixed = g.op(Reshape, g.constant(np.arange(4, dtype=np.int8)), shape=(2, 2))
    later = g.op(Transpose, fixed, permutation=(1, 0))
    model = g.model(g.op(Reshape, x, shape=(1, 2)), fixed, g.op(Concatenation, later, later, axis=0))
    after = fold_constants(model)
    # What comes after the output is not known to be constant, and stays as well.
    assert kinds(after) == ["Reshape", "Transpose", "Reshape", "Concatenation"]
    assert not after.tensors[fixed].is_constant
    assert_same_bytes(model, after)


def test_operators_with_an_activation_stay() -> None:
    g = GraphBuilder()
    x = g.input((1, 4, 4, 2))
    model = g.model(g.conv(x))
    assert kinds(fold_constants(model)) == ["Conv2D"]


def test_a_constant_that_is_also_an_input_is_not_known() -> None:
    g = GraphBuilder()
    preset = g.constant(np.zeros(4, np.int8))
    model = g.model(g.op(Reshape, g.op(Reshape, preset, shape=(2, 2)), shape=(1, 4)))
    after = fold_constants(replace(model, inputs=(preset,)))
    assert after.operators == model.operators


def test_large_results_stay_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    g = GraphBuilder()
    x = g.input((1, 64))
    small = g.op(Reshape, g.constant(np.zeros(64, np.int8)), shape=(1, 64))
    large = g.op(Pad, small, paddings=((0, 0), (0, 64)), value=1)
    model = g.model(g.op(Concatenation, x, small, large, axis=1))
    monkeypatch.setattr(folding, "MAX_RESULT_BYTES", 100)
    after = fold_constants(model)
    assert kinds(after) == ["Pad", "Concatenation"]
    assert_same_bytes(model, after)


def test_work_is_bounded_over_the_whole_model(monkeypatch: pytest.MonkeyPatch) -> None:
    g = GraphBuilder()
    x = g.input((1, 8))
    pieces = [g.op(Reshape, g.constant(np.full(8, value, np.int8)), shape=(1, 8)) for value in range(5)]
    model = g.model(g.op(Concatenation, x, *pieces, axis=0))
    monkeypatch.setattr(folding, "MAX_WORK", 3 * 16)
    after = fold_constants(model)
    assert kinds(after) == ["Reshape", "Reshape", "Concatenation"]
    assert_same_bytes(model, after)


def test_windows_over_implicit_padding_stay_computed() -> None:
    g = GraphBuilder()
    x = g.input((1, 1, 1, 2))
    fixed = g.constant(np.ones((1, 1, 1, 2), np.int8))
    huge = g.pool(fixed, "average", (200, 200), padding=Padding(199, 0, 199, 0), strides=(200, 200))
    plain = g.pool(fixed, "average", (1, 1))
    model = g.model(g.op(Concatenation, x, huge, plain, axis=0))
    after = fold_constants(model)
    assert kinds(after) == ["Pool2D", "Concatenation"]
    assert after.operators[1].inputs[1:] == (huge, plain) and after.tensors[plain].is_constant
