"""Means over pixels against the reference, byte for byte, on the cores they are scheduled for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.schedules.conv2d_cases import extreme_bytes
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.model import Array, Model
from utvm.model.fixed_point import quantize_multiplier
from utvm.model.operator_types import Mean, Requantization
from utvm.model.tensor import Tensor
from utvm.operators import rule_of
from utvm.schedules import Schedule, default_schedule
from utvm.schedules.mean import MeanChannels
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = MeanChannels()
F746 = "stm32f746-disco"


@dataclass(frozen=True)
class Average:
    """The shape, the axes, zero points of input and output; `filled` with one value or of extremes."""

    shape: tuple[int, ...]
    axes: tuple[int, ...] = (1, 2)
    zero_points: tuple[int, int] = (-128, -128)
    scale: float = 1.3
    rounding: str = "double"
    filled: int | None = None

    def model(self) -> Model:
        """The operator alone."""
        count = int(np.prod([self.shape[axis] for axis in self.axes]))
        multiplier, shift = quantize_multiplier(self.scale / count)
        operator = Mean(
            name="mean",
            inputs=("x",),
            outputs=("y",),
            axes=self.axes,
            keep_dims=False,
            input_zero_point=self.zero_points[0],
            requantization=Requantization((multiplier,), (shift,), self.rounding),  # type: ignore[arg-type]
            output_zero_point=self.zero_points[1],
        )
        x = Tensor("x", self.shape, "int8")
        (inferred,) = rule_of(operator).infer(operator, (x,))
        tensors = {"x": x, "y": Tensor("y", inferred.shape, inferred.dtype)}
        return Model("mean", tensors, (operator,), ("x",), ("y",))

    def input(self) -> Array:
        """Extreme and ordinary values, or one."""
        if self.filled is not None:
            return np.full(self.shape, self.filled, dtype=np.int8)
        return extreme_bytes(np.random.default_rng([*self.shape, 68]), self.shape)


CASES = {
    "one pixel": Average((1, 1, 1, 16)),
    "sixteen channels": Average((1, 7, 7, 16)),
    "four channels": Average((1, 5, 3, 4), zero_points=(3, -7)),
    "eight channels": Average((1, 5, 3, 8), zero_points=(127, 127)),
    "twelve channels": Average((1, 5, 3, 12), zero_points=(0, 0), scale=0.4),
    "a last group": Average((1, 4, 4, 44), zero_points=(-5, 9)),
    "images": Average((3, 4, 5, 20)),
    "256 pixels, smallest": Average((1, 16, 16, 16), zero_points=(0, 0), filled=-128, scale=0.9),
    "256 pixels, largest": Average((1, 16, 16, 16), zero_points=(0, 0), filled=127, scale=0.9),
    "257 pixels": Average((1, 1, 257, 8), filled=-128, zero_points=(0, 3), scale=0.9),
    "512 pixels": Average((1, 32, 16, 8), zero_points=(-128, 3)),
    "700 pixels": Average((2, 28, 25, 20), zero_points=(-128, -3)),
    "the first axis": Average((9, 20), axes=(0,)),
    "rounded once": Average((1, 7, 7, 20), rounding="single", zero_points=(-4, 5)),
}


def scheduled(name: str, case: Average, board: str = F746) -> Scheduled:
    """The case under the template's schedule."""
    assert TEMPLATE.refusal(site_of(case.model(), board)) == "", name
    return Scheduled(case.model(), {"x": case.input()}, Schedule(TEMPLATE.name), name)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_cases(prefer: Prefer) -> None:
    assert_equal_on(F746, [scheduled(name, case) for name, case in CASES.items()], prefer)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_other_cores(board: str) -> None:
    assert_equal_on(board, [scheduled(name, case, board) for name, case in CASES.items()], "zig")


def test_is_the_default_where_it_pays() -> None:
    assert default_schedule(site_of(Average((1, 7, 7, 64)).model()), 0).template == TEMPLATE.name
    assert default_schedule(site_of(Average((1, 1, 2, 4)).model()), 0).template == "portable"


def test_refusals_say_why() -> None:
    refused = [
        (Average((1, 7, 7, 15)), "15 channels"),
        (Average((1, 7, 7, 16), axes=(2, 3)), "not those before the last"),
        (Average((1, 7, 7, 16), axes=(1,)), ""),
        (Average((1, 7, 7, 16), axes=(1, 2, 3)), "not those before the last"),
    ]
    for case, message in refused:
        assert message in TEMPLATE.refusal(site_of(case.model()))
    wide = Average((1, 7, 7, 16)).model()
    requantization = Requantization((1 << 52,), (-3,), "wide")
    operator = replace(wide.operators[0], requantization=requantization)  # type: ignore[call-arg]
    assert "rounds wide" in TEMPLATE.refusal(site_of(replace(wide, operators=(operator,))))
    assert "no DSP" in TEMPLATE.refusal(site_of(Average((1, 7, 7, 16)).model(), "nucleo-g0b1re"))
