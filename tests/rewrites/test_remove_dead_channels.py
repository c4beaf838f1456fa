"""Dead channels go, to the bit, and stay where a border, another reader or an overflow forbids it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from tests.rewrites.graphs import GraphBuilder, assert_same_bytes
from utvm.model import Model
from utvm.model.fixed_point import INT32_MAX
from utvm.model.operator_types import Conv2D, Lookup, Operator, Padding, Pool2D, Requantization, Reshape
from utvm.rewrites.remove_dead_channels import GRANULE, remove_dead_channels

AROUND = Padding(1, 1, 1, 1)
LIVE, DEAD = 5, 11


def per_channel(count: int) -> Requantization:
    return Requantization(tuple((1 << 30) + 999 * index for index in range(count)), (-8,) * count)


def source(g: GraphBuilder, channels: int = LIVE + DEAD, live: int = LIVE, **attributes: Any) -> str:
    """A convolution whose channels from `live` on have no weights."""
    image = g.input((1, 6, 5, 3))
    weights = g.random.integers(-127, 128, (channels, 3, 3, 3), dtype=np.int8)
    weights[live:] = 0
    constants = (g.constant(weights), g.bias(channels))
    return g.conv(image, constants=constants, requantization=per_channel(channels), **attributes)


def channels_of(model: Model, kind: type[Operator] = Conv2D) -> list[int]:
    return [model.tensors[op.outputs[0]].shape[-1] for op in model.operators if isinstance(op, kind)]


def rounded(live: int) -> int:
    return -(-live // GRANULE) * GRANULE


def test_constants_move_into_the_next_bias() -> None:
    g = GraphBuilder()
    model = g.model(g.conv(source(g), channels=6, window=(2, 3)))
    after = remove_dead_channels(model)
    assert channels_of(after) == [rounded(LIVE), 6]
    assert_same_bytes(model, after)


@pytest.mark.parametrize("window", [(1, 1), (3, 3)])
def test_through_a_depthwise_convolution_without_padding(window: tuple[int, int]) -> None:
    g = GraphBuilder()
    between = g.depthwise(source(g, padding=AROUND), window, requantization=per_channel(LIVE + DEAD))
    model = g.model(g.conv(between, channels=3, window=(1, 1)))
    after = remove_dead_channels(model)
    assert channels_of(after)[0] == rounded(LIVE)
    assert_same_bytes(model, after)


@pytest.mark.parametrize("same", [True, False])
def test_a_padded_depthwise_keeps_constants_that_differ_from_its_zero_point(same: bool) -> None:
    """With a clamp to one value every dead channel has it; padded taps count as the zero point."""
    g = GraphBuilder()
    between = g.depthwise(source(g, clamp=(7, 90)), padding=AROUND, input_zero_point=7 if same else 8)
    image = g.shape(between)
    model = g.model(g.conv(between, channels=3, window=(1, 1)))
    biases = next(op for op in model.operators if isinstance(op, Conv2D)).inputs[2]
    low = np.full(LIVE + DEAD, -100_000, dtype=np.int32)
    tensors = dict(model.tensors)
    tensors[biases] = type(tensors[biases])(biases, (LIVE + DEAD,), "int32", None, low)
    model = model.with_operators(model.operators, tensors)
    after = remove_dead_channels(model)
    assert channels_of(after)[0] == (rounded(LIVE) if same else image[-1])
    assert_same_bytes(model, after)


def test_a_padded_sink_keeps_them_too() -> None:
    g = GraphBuilder()
    model = g.model(g.conv(source(g, clamp=(7, 8)), channels=3, padding=AROUND, input_zero_point=1))
    after = remove_dead_channels(model)
    assert channels_of(after) == channels_of(model)


def test_through_pool_lookup_and_flattening_into_a_dense_layer() -> None:
    g = GraphBuilder()
    pooled = g.op(Pool2D, source(g), kind="average", window=(2, 2), strides=(1, 1), padding=Padding(), clamp=(-100, 90))
    table = tuple(int(value) for value in g.random.integers(-128, 128, 256))
    looked = g.op(Lookup, pooled, function="odd", table=table)
    _, height, width, channels = g.shape(looked)
    flat = g.op(Reshape, looked, shape=(1, height * width * channels))
    model = g.model(g.dense(flat, units=4))
    after = remove_dead_channels(model)
    assert channels_of(after) == [rounded(LIVE)]
    assert channels_of(after, Reshape) == [height * width * rounded(LIVE)]
    assert_same_bytes(model, after)


def test_channels_that_nobody_reads_go_whatever_they_hold() -> None:
    g = GraphBuilder()
    x = source(g, channels=16, live=16)
    weights = g.random.integers(-127, 128, (3, 1, 1, 16), dtype=np.int8)
    weights[..., 4:] = 0
    model = g.model(g.conv(x, constants=(g.constant(weights), g.bias(3))))
    after = remove_dead_channels(model)
    assert channels_of(after) == [4, 3]
    assert_same_bytes(model, after)


def test_chains_meet() -> None:
    """Dropping inputs may leave an output without weights, which is then dead in its turn."""
    g = GraphBuilder()
    x = source(g, channels=16, live=4)
    weights = g.random.integers(-127, 128, (12, 1, 1, 16), dtype=np.int8)
    weights[4:, :, :, :4] = 0
    middle = g.conv(x, constants=(g.constant(weights), g.bias(12)))
    model = g.model(g.conv(middle, channels=3, window=(1, 1)))
    after = remove_dead_channels(model)
    assert channels_of(after) == [4, 4, 3]
    assert_same_bytes(model, after)


def test_all_dead_leaves_one_granule() -> None:
    g = GraphBuilder()
    model = g.model(g.conv(source(g, live=0), channels=3, window=(1, 1)))
    after = remove_dead_channels(model)
    assert channels_of(after) == [GRANULE, 3]
    assert_same_bytes(model, after)


def outputs_in_the_middle(g: GraphBuilder) -> Sequence[str]:
    x = source(g)
    return (x, g.conv(x, channels=3, window=(1, 1)))


def two_readers(g: GraphBuilder) -> Sequence[str]:
    x = source(g)
    return (g.conv(x, channels=3, window=(1, 1)), g.conv(x, channels=2, window=(1, 1)))


def an_addition(g: GraphBuilder) -> Sequence[str]:
    x = source(g)
    return (g.conv(g.add(x, g.input(g.shape(x))), channels=3, window=(1, 1)),)


def groups(g: GraphBuilder) -> Sequence[str]:
    return (g.conv(source(g, channels=16), constants=(g.weights(4, 1, 1, 8), g.bias(4))),)


def a_depth_multiplier(g: GraphBuilder) -> Sequence[str]:
    return (g.conv(g.depthwise(source(g), (1, 1), multiplier=2), channels=3, window=(1, 1)),)


def dense_with_a_weights_zero_point(g: GraphBuilder) -> Sequence[str]:
    x = source(g)
    flat = g.op(Reshape, x, shape=(1, int(np.prod(g.shape(x)))))
    return (g.dense(flat, weights_zero_point=3),)


def few_channels(g: GraphBuilder) -> Sequence[str]:
    return (g.conv(source(g, channels=4, live=1), channels=3, window=(1, 1)),)


def a_bias_at_its_limit(g: GraphBuilder) -> Sequence[str]:
    weights = np.full((2, 1, 1, 16), 127, dtype=np.int8)
    bias = np.full(2, INT32_MAX - 16 * 127 * 256, dtype=np.int32)
    x = source(g, channels=16, live=4, clamp=(120, 127))
    return (g.conv(x, constants=(g.constant(weights), g.constant(bias)), input_zero_point=-128),)


@pytest.mark.parametrize(
    "build",
    [
        outputs_in_the_middle,
        two_readers,
        an_addition,
        groups,
        a_depth_multiplier,
        dense_with_a_weights_zero_point,
        few_channels,
    ],
)
def test_where_it_does_not_apply(build: Callable[[GraphBuilder], Sequence[str]]) -> None:
    g = GraphBuilder()
    model = g.model(*build(g))
    assert remove_dead_channels(model).operators == model.operators


def test_a_bias_near_its_limit_keeps_its_bytes() -> None:
    g = GraphBuilder()
    model = g.model(*a_bias_at_its_limit(g))
    assert_same_bytes(model, remove_dead_channels(model))


@pytest.mark.parametrize("seed", range(60))
def test_random_chains(seed: int) -> None:
    g = GraphBuilder(seed)
    pick = g.random
    x = source(
        g,
        channels=int(pick.integers(1, 20)),
        live=int(pick.integers(0, 8)),
        clamp=(-5, 60) if pick.random() < 0.5 else (-128, 127),
        output_zero_point=-5,
    )
    for _ in range(int(pick.integers(0, 3))):
        if min(g.shape(x)[1:3]) < 2:
            break
        if pick.random() < 0.6:
            padding = AROUND if pick.random() < 0.6 else Padding()
            count = g.shape(x)[3]
            x = g.depthwise(
                x, (2, 2), padding=padding, input_zero_point=-5, requantization=per_channel(count), output_zero_point=-5
            )
        else:
            kind = "max" if pick.random() < 0.5 else "average"
            x = g.op(Pool2D, x, kind=kind, window=(2, 2), strides=(1, 1), padding=Padding(), clamp=(-90, 90))
    if pick.random() < 0.3:
        flat = g.op(Reshape, x, shape=(1, int(np.prod(g.shape(x)))))
        end = g.dense(flat, units=3)
    else:
        padding = AROUND if pick.random() < 0.5 else Padding()
        end = g.conv(x, channels=3, window=(1, 1), padding=padding, input_zero_point=-5)
    model = g.model(end)
    assert_same_bytes(model, remove_dead_channels(model))
