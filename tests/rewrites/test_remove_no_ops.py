from collections.abc import Callable

import numpy as np
import pytest

from tests.rewrites.graphs import IDENTITY, GraphBuilder, assert_same_bytes, kinds
from utvm.model.operator_types import (
    Concatenation,
    Pad,
    Padding,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    StridedSlice,
)
from utvm.rewrites.remove_no_ops import remove_no_ops

Build = Callable[[GraphBuilder, str], str]
SHAPE = (1, 4, 4, 2)
NO_PADS = ((0, 0),) * 4


def _sampled(kind: type[ResizeNearest] | type[ResizeBilinear], align: bool, half: bool, size: int = 4) -> Build:
    return lambda g, x: g.op(kind, x, size=(size, size), align_corners=align, half_pixel_centers=half)


def _sliced(begin: tuple[int, ...], strides: tuple[int, ...], shape: tuple[int, ...] = SHAPE) -> Build:
    return lambda g, x: g.op(StridedSlice, x, begin=begin, strides=strides, shape=shape)


NO_OPS: dict[str, Build] = {
    "reshape": lambda g, x: g.op(Reshape, x, shape=SHAPE),
    "pad": lambda g, x: g.op(Pad, x, paddings=NO_PADS, value=3),
    "slice": _sliced((0, 0, 0, 0), (1, 1, 1, 1)),
    "slice, any stride along one": _sliced((0, 0, 0, 0), (-3, 1, 1, 1)),
    "concatenation": lambda g, x: g.op(Concatenation, x, axis=3),
    "lookup": lambda g, x: g.lookup(x, IDENTITY),
    "average": lambda g, x: g.pool(x, "average", (1, 1)),
    "maximum": lambda g, x: g.pool(x, "max", (1, 1)),
    "nearest": _sampled(ResizeNearest, False, False),
    "nearest, corners": _sampled(ResizeNearest, True, False),
    "nearest, centers": _sampled(ResizeNearest, False, True),
    "bilinear": _sampled(ResizeBilinear, False, False),
    "bilinear, corners": _sampled(ResizeBilinear, True, False),
    "bilinear, centers": _sampled(ResizeBilinear, False, True),
}

NEARLY: dict[str, Build] = {
    "reshape": lambda g, x: g.op(Reshape, x, shape=(4, 4, 2)),
    "pad": lambda g, x: g.op(Pad, x, paddings=((0, 0), (0, 1), (0, 0), (0, 0)), value=3),
    "slice backwards": _sliced((0, 3, 0, 0), (1, -1, 1, 1)),
    "slice of a part": _sliced((0, 0, 0, 0), (1, 1, 1, 1), (1, 4, 4, 1)),
    "concatenation": lambda g, x: g.op(Concatenation, x, x, axis=3),
    "lookup": lambda g, x: g.lookup(x, (1, *IDENTITY[1:])),
    "lookup of another dtype": lambda g, x: g.lookup(x, range(256), dtype="uint8"),
    "pool with strides": lambda g, x: g.pool(x, "average", (1, 1), strides=(2, 1)),
    "pool with a window": lambda g, x: g.pool(x, "max", (2, 1), padding=Padding(1, 0, 0, 0)),
    "pool with a clamp": lambda g, x: g.pool(x, "max", (1, 1), clamp=(-128, 126)),
    # Both options together copy the next pixel.
    "nearest, corners and centers": _sampled(ResizeNearest, True, True),
    "nearest, larger": _sampled(ResizeNearest, False, False, 5),
}


@pytest.mark.parametrize("build", NO_OPS.values(), ids=NO_OPS)
def test_a_no_op_is_removed(build: Build) -> None:
    g = GraphBuilder()
    x = g.input(SHAPE)
    model = g.model(g.conv(build(g, g.clamp(x, -100, 100))))
    after = remove_no_ops(model)
    assert kinds(after) == ["Lookup", "Conv2D"]
    assert_same_bytes(model, after)


@pytest.mark.parametrize("build", NEARLY.values(), ids=NEARLY)
def test_what_only_looks_like_a_no_op_stays(build: Build) -> None:
    g = GraphBuilder()
    model = g.model(build(g, g.input(SHAPE)))
    after = remove_no_ops(model)
    assert after.operators == model.operators
    assert_same_bytes(model, after)


def test_every_reader_of_a_chain_reads_its_beginning() -> None:
    g = GraphBuilder()
    start = g.clamp(g.input(SHAPE), -100, 100)
    chain = start
    for _ in range(3):
        chain = g.op(Reshape, g.op(Pad, chain, paddings=NO_PADS, value=0), shape=SHAPE)
    model = g.model(g.conv(chain), g.add(chain, start))
    after = remove_no_ops(model)
    assert kinds(after) == ["Lookup", "Conv2D", "Add"]
    assert after.operators[2].inputs == (start, start)
    assert_same_bytes(model, after)


def test_the_producer_takes_over_an_output() -> None:
    g = GraphBuilder()
    start = g.clamp(g.input(SHAPE), -100, 100)
    early = g.conv(start)
    middle = g.op(Pad, start, paddings=NO_PADS, value=0)
    output = g.op(Reshape, middle, shape=SHAPE)
    model = g.model(output, g.add(middle, start), early)
    after = remove_no_ops(model)
    assert kinds(after) == ["Lookup", "Conv2D", "Add"]
    assert after.operators[0].outputs == (output,)
    assert after.operators[2].inputs == (output, output)
    assert_same_bytes(model, after)


def test_an_output_that_copies_an_input_or_another_output_is_a_reshape() -> None:
    g = GraphBuilder()
    x = g.input(SHAPE)
    of_input = g.lookup(x, IDENTITY)
    computed = g.clamp(x, 0, 5)
    of_output = g.op(Pad, computed, paddings=NO_PADS, value=0)
    model = g.model(of_input, computed, of_output)
    after = remove_no_ops(model)
    assert kinds(after) == ["Reshape", "Lookup", "Reshape"]
    assert_same_bytes(model, after)


def test_two_outputs_that_copy_one_tensor() -> None:
    g = GraphBuilder()
    computed = g.clamp(g.input(SHAPE), 0, 5)
    first, second = (g.op(Pad, computed, paddings=NO_PADS, value=0) for _ in range(2))
    model = g.model(second, first)
    after = remove_no_ops(model)
    assert kinds(after) == ["Lookup", "Reshape"]
    assert_same_bytes(model, after)


def test_an_output_that_copies_a_constant_stays_computed() -> None:
    g = GraphBuilder()
    fixed = g.constant(np.arange(32, dtype=np.int8).reshape(SHAPE))
    model = g.model(g.op(Pad, fixed, paddings=NO_PADS, value=0), g.clamp(g.input(SHAPE), 0, 1))
    after = remove_no_ops(model)
    assert kinds(after) == ["Reshape", "Lookup"]
    assert_same_bytes(model, after)
