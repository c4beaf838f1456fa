import pytest

from tests.rewrites.graphs import GraphBuilder, assert_same_bytes, kinds
from utvm.model.operator_types import Conv2D, DepthwiseConv2D, Pad, Padding, Pool2D
from utvm.rewrites.fuse_pad import fuse_pad

ZERO_POINT = 5


def _pad(g: GraphBuilder, x: str, top: int, bottom: int, left: int, right: int, value: int = ZERO_POINT) -> str:
    return g.op(Pad, x, paddings=((0, 0), (top, bottom), (left, right), (0, 0)), value=value)


def test_a_pad_becomes_a_convolutions_padding() -> None:
    g = GraphBuilder()
    model = g.model(g.conv(_pad(g, g.input((1, 5, 6, 2)), 1, 2, 0, 1), strides=(2, 1)))
    after = fuse_pad(model)
    (conv,) = after.operators
    assert isinstance(conv, Conv2D) and conv.padding == Padding(1, 2, 0, 1)
    assert_same_bytes(model, after)


def test_it_adds_to_padding_that_is_there() -> None:
    g = GraphBuilder()
    x = g.input((1, 5, 6, 2))
    model = g.model(g.depthwise(_pad(g, x, 1, 0, 0, 2), multiplier=2, padding=Padding(1, 1, 1, 1), dilation=(2, 1)))
    after = fuse_pad(model)
    (conv,) = after.operators
    assert isinstance(conv, DepthwiseConv2D) and conv.padding == Padding(2, 1, 1, 3)
    assert_same_bytes(model, after)


def test_padding_wider_than_the_window() -> None:
    g = GraphBuilder()
    model = g.model(g.conv(_pad(g, g.input((1, 2, 2, 1)), 7, 6, 5, 9)))
    after = fuse_pad(model)
    assert kinds(after) == ["Conv2D"]
    assert_same_bytes(model, after)


def test_several_convolutions_take_it_when_all_can() -> None:
    g = GraphBuilder()
    padded = _pad(g, g.input((1, 5, 5, 2)), 1, 1, 1, 1)
    model = g.model(g.conv(padded), g.depthwise(padded))
    after = fuse_pad(model)
    assert kinds(after) == ["Conv2D", "DepthwiseConv2D"]
    assert_same_bytes(model, after)


def test_a_reader_that_cannot_take_it_keeps_it_for_all() -> None:
    g = GraphBuilder()
    padded = _pad(g, g.input((1, 5, 5, 2)), 1, 1, 1, 1)
    model = g.model(g.conv(padded), g.clamp(padded, 0, 10))
    assert fuse_pad(model).operators == model.operators


@pytest.mark.parametrize("other", ["value", "channels", "batch", "output", "weights"])
def test_it_stays_where_it_is_not_the_same(other: str) -> None:
    g = GraphBuilder()
    x = g.input((1, 5, 5, 2))
    paddings = [(0, 0), (1, 1), (1, 1), (0, 0)]
    if other in ("channels", "batch"):
        paddings[3 if other == "channels" else 0] = (1, 0)
    padded = g.op(Pad, x, paddings=tuple(paddings), value=ZERO_POINT + (other == "value"))
    # The padded tensor is the image, and once the 1x7x7x2 weights too.
    conv = g.conv(padded, constants=(padded, g.bias(1)) if other == "weights" else None)
    model = g.model(conv, padded) if other == "output" else g.model(conv)
    after = fuse_pad(model)
    assert after.operators == model.operators
    assert_same_bytes(model, after)


@pytest.mark.parametrize(("value", "low"), [(-128, -128), (-20, -20), (-21, 0)])
def test_a_maximum_takes_a_pad_that_cannot_win(value: int, low: int) -> None:
    g = GraphBuilder()
    padded = _pad(g, g.input((1, 4, 5, 2)), 1, 1, 2, 0, value)
    model = g.model(g.pool(padded, "max", (2, 3), clamp=(low, 100)))
    after = fuse_pad(model)
    (pool,) = after.operators
    assert isinstance(pool, Pool2D) and pool.padding == Padding(1, 1, 2, 0)
    assert_same_bytes(model, after)


@pytest.mark.parametrize("case", ["wins", "window of padding alone", "average"])
def test_a_pool_does_not_take_a_pad_that_counts(case: str) -> None:
    g = GraphBuilder()
    value, top = -127 if case == "wins" else -128, 2 if case == "window of padding alone" else 1
    padded = _pad(g, g.input((1, 4, 5, 2)), top, 0, 0, 0, value)
    model = g.model(g.pool(padded, "average" if case == "average" else "max"))
    after = fuse_pad(model)
    assert after.operators == model.operators
    assert_same_bytes(model, after)
