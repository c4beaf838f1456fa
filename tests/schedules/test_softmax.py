"""Softmax in C against the reference, byte for byte, on every kind of core."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.schedules.conv2d_cases import extreme_bytes
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from tests.schedules.test_mul import Product
from utvm.model import Array, Model
from utvm.model.fixed_point import quantize_multiplier
from utvm.model.operator_types import Softmax
from utvm.model.tensor import Tensor
from utvm.schedules import Schedule, default_schedule
from utvm.schedules.softmax import SoftmaxShared
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = SoftmaxShared()


@dataclass(frozen=True)
class Classes:
    """The shape, the scale of the input, and whether rows are extreme, equal, or ordinary."""

    shape: tuple[int, ...]
    scale: float = 0.1
    kind: str = "extreme"
    in_place: int | None = None

    def model(self) -> Model:
        """The operator alone, with LiteRT's multiplier."""
        multiplier, shift = quantize_multiplier(min(self.scale * (1 << 26), (1 << 31) - 1.0))
        operator = Softmax(
            name="softmax",
            inputs=("x",),
            outputs=("y",),
            in_place=self.in_place,
            input_multiplier=multiplier,
            input_left_shift=shift,
            diff_min=-((31 << 26) >> shift),
        )
        tensors = {name: Tensor(name, self.shape, "int8") for name in ("x", "y")}
        return Model("softmax", tensors, (operator,), ("x",), ("y",))

    def input(self) -> Array:
        """By kind."""
        rng = np.random.default_rng([*self.shape, 58])
        if self.kind == "equal":
            return np.full(self.shape, -128, dtype=np.int8)
        if self.kind == "close":
            return rng.integers(100, 110, self.shape).astype(np.int8)
        return extreme_bytes(rng, self.shape)


CASES = {
    "one class": Classes((1, 1)),
    "two classes": Classes((1, 2)),
    "rows": Classes((7, 12)),
    "no rows": Classes((33,)),
    "equal classes": Classes((3, 10), kind="equal"),
    "so many equal classes that all are 0": Classes((1, 600), kind="equal"),
    "many classes": Classes((1, 1000)),
    "many close classes": Classes((2, 700), kind="close", scale=0.01),
    "small scale": Classes((3, 1001), scale=0.0005),
    "large scale": Classes((3, 400), scale=4.0),
    "in place": Classes((2, 50), in_place=0),
    "many in place": Classes((2, 500), in_place=0),
}


def scheduled(name: str, case: Classes) -> Scheduled:
    """The case under the template's schedule."""
    return Scheduled(case.model(), {"x": case.input()}, Schedule(TEMPLATE.name), name)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
@pytest.mark.parametrize("board", ["stm32f746-disco", "nucleo-g0b1re"])
def test_cases(board: str, prefer: Prefer) -> None:
    assert_equal_on(board, [scheduled(name, case) for name, case in CASES.items()], prefer)


def test_is_the_default_on_every_core() -> None:
    for board in ("stm32f746-disco", "nucleo-g0b1re"):
        assert default_schedule(site_of(CASES["many classes"].model(), board), 1 << 20).template == TEMPLATE.name


def test_refuses_other_operators() -> None:
    assert "Mul is not a softmax" in TEMPLATE.refusal(site_of(Product((4,)).model()))
