"""Sums by linear forms against the reference, byte for byte, on the cores they are scheduled for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from tests.schedules.conv2d_cases import extreme_bytes
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.microkernels.elementwise import linear_form
from utvm.model import Array, Model
from utvm.model.fixed_point import quantize_multiplier
from utvm.model.operator_types import Add, Requantization
from utvm.model.tensor import Tensor
from utvm.operators.kernel import CKernel
from utvm.schedules import Schedule, default_schedule, scheduled_kernel
from utvm.schedules.add import AddLinear
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = AddLinear()
F746 = "stm32f746-disco"
LEFT_SHIFT = 20


def scaling(real: float) -> Requantization:
    multiplier, shift = quantize_multiplier(real)
    return Requantization((multiplier,), (shift,))


@dataclass(frozen=True)
class Sum:
    """Scales of inputs and output, zero points, and what else a sum has."""

    shape: tuple[int, ...]
    scales: tuple[float, float, float] = (0.11, 0.07, 0.15)
    zero_points: tuple[int, int, int] = (-128, 4, -128)
    clamp: tuple[int, int] = (-128, 127)
    subtract: bool = False
    in_place: int | None = None
    other: tuple[int, ...] | None = None
    """The second input's shape, if it is another."""
    seed: int = 0

    def model(self) -> Model:
        """The operator alone, with LiteRT's multipliers."""
        first, second, output = self.scales
        twice = 2 * max(first, second)
        operator = Add(
            name="sum",
            inputs=("a", "b"),
            outputs=("y",),
            in_place=self.in_place,
            subtract=self.subtract,
            left_shift=LEFT_SHIFT,
            input_zero_points=self.zero_points[:2],
            input_requantizations=(scaling(first / twice), scaling(second / twice)),
            output_requantization=scaling(twice / ((1 << LEFT_SHIFT) * output)),
            output_zero_point=self.zero_points[2],
            clamp=self.clamp,
        )
        other = self.other or self.shape
        inputs = Tensor("a", self.shape, "int8"), Tensor("b", other, "int8")
        tensors = {tensor.name: tensor for tensor in inputs}
        tensors["y"] = Tensor("y", np.broadcast_shapes(self.shape, other), "int8")
        return Model("sum", tensors, (operator,), ("a", "b"), ("y",))

    def inputs(self) -> dict[str, Array]:
        """Extreme and ordinary values."""
        rng = np.random.default_rng([self.seed, 38])
        shapes = {"a": self.shape, "b": self.other or self.shape}
        return {name: extreme_bytes(rng, shape) for name, shape in shapes.items()}


CORNERS = {
    "all pairs of bytes": Sum((256, 256)),
    "one element": Sum((1,)),
    "three elements": Sum((3,), zero_points=(0, 0, 0)),
    "elements left over": Sum((1, 7, 9, 5), zero_points=(17, -30, 3)),
    "over the first input": Sum((64,), in_place=0),
    "over the second input": Sum((65,), in_place=1),
    "a difference": Sum((77,), subtract=True, zero_points=(5, -5, 1)),
    "equal scales": Sum((77,), scales=(0.1, 0.1, 0.1)),
    "a range above zero": Sum((77,), zero_points=(-9, 3, 14), clamp=(14, 127)),
    "a range below zero": Sum((77,), zero_points=(-9, 3, 0), clamp=(-90, -30)),
    "unequal scales": Sum((77,), scales=(0.9, 0.001, 0.5)),
    "an output that saturates": Sum((77,), scales=(0.9, 0.9, 0.01)),
    "a row for all rows": Sum((3, 5, 19), other=(19,), subtract=True),
    "rows for one row": Sum((19,), other=(3, 5, 19), subtract=True, zero_points=(17, -30, 3)),
    "a byte for each row": Sum((3, 5, 19), other=(3, 5, 1), clamp=(-90, 30)),
    "rows for bytes": Sum((3, 5, 1), other=(3, 5, 19), subtract=True),
    "a byte for all": Sum((3, 5, 19), other=(1,)),
    "a byte over which all lie": Sum((1, 1, 1), other=(3, 5, 18), in_place=1),
    "both repeated": Sum((4, 1, 6), other=(1, 5, 6)),
    "both repeated within rows": Sum((4, 3, 1), other=(4, 1, 9)),
    "an output that never moves": Sum((77,), scales=(0.001, 0.001, 5.0), zero_points=(0, 0, 7)),
}


def scheduled(name: str, case: Sum, board: str = F746) -> Scheduled:
    """The case under the template's schedule."""
    model = case.model()
    assert TEMPLATE.refusal(site_of(model, board)) == "", name
    return Scheduled(model, case.inputs(), Schedule(TEMPLATE.name), name)


def random_case(seed: int) -> Sum:
    rng = np.random.default_rng([seed, 39])
    first, second = (float(np.float32(np.exp(rng.uniform(-4, 0)))) for _ in range(2))
    output = float(np.float32((first + second) * rng.uniform(0.3, 1.5)))
    zero_points = [int(value) for value in rng.integers(-128, 128, 3)]
    low = int(rng.choice([-128, -128, zero_points[2]]))
    return Sum(
        shape=(int(rng.integers(1, 200)),),
        scales=(first, second, output),
        zero_points=(zero_points[0], zero_points[1], zero_points[2]),
        clamp=(low, int(rng.choice([127, max(low, 30)]))),
        subtract=bool(rng.random() < 0.3),
        seed=seed,
    )


def random_cases(board: str, count: int) -> list[Scheduled]:
    """Random sums, without the few that no linear form equals."""
    found: list[Scheduled] = []
    seed = 0
    while len(found) < count:
        case = random_case(seed)
        seed += 1
        if not TEMPLATE.refusal(site_of(case.model(), board)):
            found.append(scheduled(f"random {seed - 1}: {case}", case, board))
    assert seed < 1.2 * count, "too many are refused"
    return found


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_on_the_f746(prefer: Prefer) -> None:
    corners = [scheduled(name, case) for name, case in CORNERS.items()]
    assert_equal_on(F746, [*corners, *random_cases(F746, 40)], prefer)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_other_cores(board: str) -> None:
    corners = [scheduled(name, case, board) for name, case in CORNERS.items() if case.shape != (256, 256)]
    assert_equal_on(board, [*corners, *random_cases(board, 12)], "zig")


def test_is_the_default_and_lets_memory_be_shared() -> None:
    site = site_of(CORNERS["over the first input"].model())
    schedule = default_schedule(site, 1 << 20)
    assert schedule.template == TEMPLATE.name
    kernel = scheduled_kernel(site, schedule)
    assert isinstance(kernel, CKernel)
    assert {"a", "b", "output"} <= kernel.aliased


def test_refusals_say_why() -> None:
    case = Sum((4, 4))
    model = case.model()
    assert "no DSP" in TEMPLATE.refusal(site_of(model, "nucleo-g0b1re"))


def test_there_is_no_form_for_what_is_not_linear() -> None:
    grid = np.arange(-128, 128)
    bent = np.clip(np.maximum(grid[:, np.newaxis], 0) + grid[np.newaxis, :], -128, 127).astype(np.int8)
    assert linear_form(bent, 1.0, 1.0, (-128, 127)) is None
    straight = np.clip(grid[:, np.newaxis] + grid[np.newaxis, :] + 3, -100, 90).astype(np.int8)
    form = linear_form(straight, 1.0, 1.0, (-100, 90))
    assert form is not None
    bytes_of = grid.astype(np.int8)
    np.testing.assert_array_equal(form.apply(bytes_of[:, np.newaxis], bytes_of[np.newaxis, :]), straight)


def test_slightly_larger_factors_round_halves_away_from_zero() -> None:
    grid = np.arange(-128, 128)
    total = grid[:, np.newaxis] + grid[np.newaxis, :]
    away = (np.sign(total) * ((np.abs(total) + 1) // 2)).clip(-128, 127).astype(np.int8)
    form = linear_form(away, 0.5, 0.5, (-128, 127))
    assert form is not None and form.p > 1 << (form.shift - 1)
    bytes_of = grid.astype(np.int8)
    np.testing.assert_array_equal(form.apply(bytes_of[:, np.newaxis], bytes_of[np.newaxis, :]), away)
