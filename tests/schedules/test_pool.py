"""Pools over words against the reference, byte for byte, on the cores they are scheduled for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pytest

from tests.schedules.conv2d_cases import extreme_bytes
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.model import Array, Model
from utvm.model.operator_types import Padding, Pool2D
from utvm.model.tensor import Tensor
from utvm.operators import rule_of
from utvm.schedules import Schedule, default_schedule
from utvm.schedules.pool import PoolWords
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = PoolWords()
F746 = "stm32f746-disco"
KINDS: tuple[Literal["average", "max"], ...] = ("average", "max")
UNPADDED = Padding()


@dataclass(frozen=True)
class Pool:
    """The shape of a pool."""

    image: tuple[int, int, int, int]
    window: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: Padding = UNPADDED
    clamp: tuple[int, int] = (-128, 127)

    def model(self, kind: Literal["average", "max"]) -> Model:
        """The operator alone."""
        operator = Pool2D(
            name="pool",
            inputs=("x",),
            outputs=("y",),
            kind=kind,
            window=self.window,
            strides=self.strides,
            padding=self.padding,
            clamp=self.clamp,
        )
        image = Tensor("x", self.image, "int8")
        (inferred,) = rule_of(operator).infer(operator, (image,))
        tensors = {"x": image, "y": Tensor("y", inferred.shape, inferred.dtype)}
        return Model("pool", tensors, (operator,), ("x",), ("y",))

    def input(self, seed: int) -> Array:
        """An image of extreme and ordinary values."""
        return extreme_bytes(np.random.default_rng([seed, 48]), self.image)


CORNERS = {
    "the whole image": Pool((1, 8, 8, 64), (8, 8), (8, 8)),
    "keyword spotting's": Pool((1, 25, 5, 16), (25, 5), (25, 5)),
    "one word of channels": Pool((1, 5, 6, 4), (2, 3)),
    "three words": Pool((1, 5, 6, 12), (3, 2), (2, 1)),
    "padding": Pool((1, 7, 9, 8), (3, 3), (2, 2), Padding(1, 1, 1, 1)),
    "padding on one side, two images": Pool((2, 6, 5, 4), (3, 2), (2, 3), Padding(0, 2, 1, 0)),
    "narrow ranges": Pool((1, 6, 6, 8), (2, 2), (2, 2), clamp=(-100, -20)),
    "one pixel": Pool((1, 3, 3, 8), (1, 1)),
    "as many pixels as sums hold": Pool((1, 16, 16, 4), (16, 16)),
}


def random_pool(seed: int) -> Pool:
    rng = np.random.default_rng([seed, 49])
    window = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    padding = Padding(*(int(rng.integers(0, window[side // 2])) for side in range(4)))
    size = (
        max(1, window[0] - padding.top - padding.bottom) + int(rng.integers(0, 8)),
        max(1, window[1] - padding.left - padding.right) + int(rng.integers(0, 8)),
    )
    low = int(rng.choice([-128, -128, -50, 10]))
    return Pool(
        image=(int(rng.choice([1, 1, 2])), *size, 4 * int(rng.integers(1, 5))),
        window=window,
        strides=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        padding=padding,
        clamp=(low, int(rng.choice([127, 127, 60]))),
    )


def cases(board: str, randoms: int) -> list[Scheduled]:
    """Corners and random pools, averages and maxima."""
    named = {**CORNERS, **{f"random {seed}": random_pool(seed) for seed in range(randoms)}}
    found = []
    for index, (name, pool) in enumerate(named.items()):
        for kind in KINDS:
            model = pool.model(kind)
            assert TEMPLATE.refusal(site_of(model, board)) == "", name
            found.append(Scheduled(model, {"x": pool.input(index)}, Schedule(TEMPLATE.name), f"{kind}, {name}"))
    # Sums at their ends.
    for name in ("as many pixels as sums hold", "padding"):
        pool = CORNERS[name]
        for value in (-128, 127):
            flat = np.full(pool.image, value, dtype=np.int8)
            found.append(Scheduled(pool.model("average"), {"x": flat}, Schedule(TEMPLATE.name), f"{value}, {name}"))
    return found


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_on_the_f746(prefer: Prefer) -> None:
    assert_equal_on(F746, cases(F746, 25), prefer)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_other_cores(board: str) -> None:
    assert_equal_on(board, cases(board, 8), "zig")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["the whole image", "keyword spotting's", "padding"])
def test_is_the_default(kind: Literal["average", "max"], name: str) -> None:
    assert default_schedule(site_of(CORNERS[name].model(kind)), 1 << 20).template == TEMPLATE.name


def test_refusals_say_why() -> None:
    pool = CORNERS["one pixel"]
    odd = replace(pool, image=(1, 3, 3, 6))
    assert "not a multiple of 4" in TEMPLATE.refusal(site_of(odd.model("max")))
    large = replace(pool, image=(1, 17, 16, 4), window=(17, 16))
    assert "average of 272 pixels" in TEMPLATE.refusal(site_of(large.model("average")))
    assert TEMPLATE.refusal(site_of(large.model("max"))) == ""
    assert "no DSP" in TEMPLATE.refusal(site_of(pool.model("max"), "nucleo-g0b1re"))
