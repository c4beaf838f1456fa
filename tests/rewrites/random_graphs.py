"""Random graphs full of what the rewrites look for, and of what looks like it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.rewrites.graphs import FULL, IDENTITY, GraphBuilder
from utvm.model import Model
from utvm.model.operator_types import (
    Concatenation,
    Pad,
    Padding,
    Reshape,
    ResizeBilinear,
    ResizeNearest,
    StridedSlice,
    Transpose,
)

MAX_ELEMENTS = 400
ZERO_POINTS = (5, 0, -128)


class _Grower:
    """Appends random operators to a graph of int8 tensors."""

    def __init__(self, seed: int) -> None:
        self.g = GraphBuilder(seed)
        self.random = self.g.random
        self.pool = [self.g.input((1, 4, 5, 3)), self.g.input((1, 4, 5, 3)), self.g.input((6, 4))]
        self.pool.append(self.g.constant(self.random.integers(-128, 128, (1, 4, 5, 3), dtype=np.int8)))
        self.states = [self.g.state((1, 4, 5, 3)), self.g.state((6, 4)), self.g.state((60,))] if seed % 2 else []
        self.pool += self.states

    def below(self, limit: int) -> int:
        return int(self.random.integers(limit))

    def maybe(self) -> bool:
        return self.below(2) == 0

    def clamp(self) -> tuple[int, int]:
        low, high = sorted(int(value) for value in self.random.integers(-128, 128, 2))
        return FULL if self.maybe() else (low, high)

    def some(self, rank: int | None = None) -> str | None:
        """A tensor, most often a recent one, of a given rank if there is any."""
        fitting = [name for name in self.pool if rank in (None, len(self.g.shape(name)))]
        return fitting[max(len(fitting) - 1 - int(self.random.exponential(0.8)), 0)] if fitting else None

    def permutation(self, rank: int) -> tuple[int, ...]:
        return tuple(int(axis) for axis in self.random.permutation(rank))

    # -- one operator each; None when nothing fits -------------------------------------------------------------------

    def weighted(self) -> str | None:
        image = self.some(4)
        if image is None:
            return None
        zero_point = ZERO_POINTS[self.below(3)]
        if self.maybe():
            paddings = ((0, 0), (self.below(2), 1), (1, self.below(3)), (0, 0))
            image = self.g.op(Pad, image, paddings=paddings, value=zero_point)
        window = (min(self.below(3) + 1, self.g.shape(image)[1]), min(self.below(3) + 1, self.g.shape(image)[2]))
        padding = Padding(*(self.below(2) for _ in range(4))) if self.maybe() else Padding()
        build = self.g.conv if self.maybe() else self.g.depthwise
        return build(image, window=window, padding=padding, input_zero_point=zero_point, clamp=self.clamp())

    def upsampled(self) -> str | None:
        image = self.some(4)
        return None if image is None else self.g.transpose_conv(image, 1 + self.below(2), clamp=self.clamp())

    def dense(self) -> str | None:
        rows = self.some(2)
        return None if rows is None else self.g.dense(rows, weights_zero_point=self.below(2), clamp=self.clamp())

    def pooled(self) -> str | None:
        image = self.some(4)
        if image is None:
            return None
        window = (min(self.below(2) + 1, self.g.shape(image)[1]), min(self.below(2) + 1, self.g.shape(image)[2]))
        return self.g.pool(image, ("max", "average")[self.below(2)], window, clamp=self.clamp())

    def binary(self) -> str | None:
        first = self.some()
        if first is None:
            return None
        equal = [name for name in self.pool if self.g.shape(name) == self.g.shape(first)]
        second = equal[self.below(len(equal))]
        return (self.g.add if self.maybe() else self.g.mul)(first, second, self.clamp())

    def looked_up(self) -> str | None:
        x = self.some()
        if x is None:
            return None
        if self.maybe():
            return self.g.clamp(x, *self.clamp())
        return self.g.lookup(x, IDENTITY if self.maybe() else self.g.random_table())

    def padded(self) -> str | None:
        x = self.some()
        if x is None:
            return None
        paddings = [(self.below(2), self.below(2)) for _ in self.g.shape(x)]
        if self.maybe():
            paddings = [(0, 0), *paddings[1:3], (0, 0)][: len(paddings)]
        if self.below(4) == 0:
            paddings = [(0, 0)] * len(paddings)
        return self.g.op(Pad, x, paddings=tuple(paddings), value=ZERO_POINTS[self.below(3)])

    def reshaped(self) -> str | None:
        x = self.some()
        if x is None:
            return None
        shape, count = self.g.shape(x), int(np.prod(self.g.shape(x)))
        divisors = [divisor for divisor in range(1, 9) if count % divisor == 0]
        height = divisors[self.below(len(divisors))]
        choices = [
            shape,
            (count,),
            (height, count // height),
            (1, height, 1, count // height),
            (1, 1, count // height, height),
        ]
        return self.g.op(Reshape, x, shape=choices[self.below(len(choices))])

    def transposed(self) -> str | None:
        x = self.some()
        return None if x is None else self.g.op(Transpose, x, permutation=self.permutation(len(self.g.shape(x))))

    def joined(self) -> str | None:
        x = self.some()
        return None if x is None else self.g.op(Concatenation, *[x] * (1 + self.below(2)), axis=0)

    def sliced(self) -> str | None:
        x = self.some()
        if x is None:
            return None
        shape = self.g.shape(x)
        begin = tuple(self.below(min(2, extent)) if self.maybe() else 0 for extent in shape)
        kept = tuple(extent - first for extent, first in zip(shape, begin, strict=True))
        return self.g.op(StridedSlice, x, begin=begin, strides=(1,) * len(shape), shape=kept)

    def resized(self) -> str | None:
        image = self.some(4)
        if image is None:
            return None
        kind = ResizeNearest if self.maybe() else ResizeBilinear
        size = self.g.shape(image)[1:3]
        align = self.maybe()
        half = self.maybe() and not (align and kind is ResizeBilinear)
        return self.g.op(kind, image, size=size, align_corners=align, half_pixel_centers=half)

    def normalized(self) -> str | None:
        rows = self.some(2)
        return None if rows is None else self.g.softmax(rows)


_KINDS: tuple[Callable[[_Grower], str | None], ...] = (
    _Grower.weighted,
    _Grower.weighted,
    _Grower.dense,
    _Grower.upsampled,
    _Grower.pooled,
    _Grower.binary,
    _Grower.binary,
    _Grower.looked_up,
    _Grower.looked_up,
    _Grower.padded,
    _Grower.padded,
    _Grower.reshaped,
    _Grower.reshaped,
    _Grower.transposed,
    _Grower.joined,
    _Grower.sliced,
    _Grower.resized,
    _Grower.normalized,
)


def random_graph(seed: int, operators: int = 18) -> Model:
    """A graph of about that many operators with several outputs, some in the middle; every other one has states."""
    grower = _Grower(seed)
    made: list[str] = []
    for _ in range(operators):
        name = _KINDS[grower.below(len(_KINDS))](grower)
        if name is not None:
            made.append(name)
            if np.prod(grower.g.shape(name)) <= MAX_ELEMENTS:
                grower.pool.append(name)
    # Half of what nothing reads is an output, and now and then something in the middle.
    read = grower.g.read()
    outputs = {made[-1], made[grower.below(len(made))]}
    outputs.update(name for name in made if name not in read and grower.maybe())
    for state in grower.states:
        fitting = [name for name in grower.pool if grower.g.shape(name) == grower.g.shape(state)]
        grower.g.update(state, fitting[grower.below(len(fitting))])
    return grower.g.model(*sorted(outputs))
