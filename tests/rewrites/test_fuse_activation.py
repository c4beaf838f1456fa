from collections.abc import Callable

import pytest

from tests.rewrites.graphs import FULL, GraphBuilder, assert_same_bytes, clamp_table, kinds
from utvm.model.operator_types import Conv2D, Reshape
from utvm.rewrites.fuse_activation import fuse_activation

SHAPE = (1, 4, 4, 2)
Build = Callable[[GraphBuilder, str, tuple[int, int]], str]

PRODUCERS: dict[str, Build] = {
    "Conv2D": lambda g, x, clamp: g.conv(x, clamp=clamp),
    "DepthwiseConv2D": lambda g, x, clamp: g.depthwise(x, clamp=clamp),
    "FullyConnected": lambda g, x, clamp: g.dense(g.op(Reshape, x, shape=(4, 8)), clamp=clamp),
    "Add": lambda g, x, clamp: g.add(x, x, clamp),
    "Mul": lambda g, x, clamp: g.mul(x, x, clamp),
    "TransposeConv2D": lambda g, x, clamp: g.transpose_conv(x, clamp=clamp),
    "Pool2D": lambda g, x, clamp: g.pool(x, "average", clamp=clamp),
}
CLAMPS = [(FULL, (0, 20)), ((-50, 50), (-60, 10)), ((-50, -20), (0, 20)), ((30, 50), (0, 20)), ((0, 20), FULL)]


@pytest.mark.parametrize("build", PRODUCERS.values(), ids=PRODUCERS)
@pytest.mark.parametrize(("own", "lookup"), CLAMPS)
def test_a_clamp_narrows_the_producers_clamp(build: Build, own: tuple[int, int], lookup: tuple[int, int]) -> None:
    g = GraphBuilder()
    end = g.clamp(build(g, g.input(SHAPE), own), *lookup)
    model = g.model(end)
    after = fuse_activation(model)
    assert "Lookup" not in kinds(after)
    assert after.operators[-1].outputs == (end,)
    assert_same_bytes(model, after)


def test_clamps_in_a_row_all_fuse() -> None:
    g = GraphBuilder()
    model = g.model(g.clamp(g.clamp(g.conv(g.input(SHAPE)), -20, 60), 0, 100))
    after = fuse_activation(model)
    (conv,) = after.operators
    assert isinstance(conv, Conv2D) and conv.clamp == (0, 60)
    assert_same_bytes(model, after)


@pytest.mark.parametrize("case", ["several readers", "model output", "not a clamp", "unsigned", "no clamp to narrow"])
def test_it_stays(case: str) -> None:
    g = GraphBuilder()
    conv = g.conv(g.input(SHAPE))
    extra: list[str] = []
    if case == "several readers":
        extra = [g.op(Reshape, conv, shape=(12,))]
    if case == "model output":
        extra = [conv]
    if case == "not a clamp":
        end = g.lookup(conv, (*clamp_table(-5, 5)[:-1], 4))
    elif case == "unsigned":
        end = g.lookup(conv, [max(value, 0) for value in clamp_table(-5, 100)], dtype="uint8")
    elif case == "no clamp to narrow":
        end = g.clamp(g.op(Reshape, conv, shape=(12,)), 0, 5)
    else:
        end = g.clamp(conv, 0, 5)
    model = g.model(end, *extra)
    after = fuse_activation(model)
    assert after.operators == model.operators
    assert_same_bytes(model, after)
