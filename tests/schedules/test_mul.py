"""Products against the reference, byte for byte, on the cores they are scheduled for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.schedules.conv2d_cases import extreme_bytes
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.microkernels.elementwise import product_form
from utvm.model import Array, Model
from utvm.model.fixed_point import finish, quantize_multiplier, requantize
from utvm.model.operator_types import Mul, Requantization
from utvm.model.tensor import Tensor
from utvm.schedules import Schedule, default_schedule
from utvm.schedules.mul import MulProduct
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = MulProduct()
F746 = "stm32f746-disco"


def scaling(real: float) -> Requantization:
    multiplier, shift = quantize_multiplier(real)
    return Requantization((multiplier,), (shift,))


@dataclass(frozen=True)
class Product:
    """Shapes, the scale of the product, zero points, and what else a product has."""

    shape: tuple[int, ...]
    other: tuple[int, ...] | None = None
    scale: float = 0.0077
    zero_points: tuple[int, int, int] = (-3, -128, 5)
    clamp: tuple[int, int] = (-128, 127)
    in_place: int | None = None
    seed: int = 0

    def model(self) -> Model:
        """The operator alone."""
        operator = Mul(
            name="product",
            inputs=("a", "b"),
            outputs=("y",),
            in_place=self.in_place,
            input_zero_points=self.zero_points[:2],
            requantization=scaling(self.scale),
            output_zero_point=self.zero_points[2],
            clamp=self.clamp,
        )
        other = self.other or self.shape
        tensors = {name: Tensor(name, shape, "int8") for name, shape in (("a", self.shape), ("b", other))}
        tensors["y"] = Tensor("y", np.broadcast_shapes(self.shape, other), "int8")
        return Model("product", tensors, (operator,), ("a", "b"), ("y",))

    def inputs(self) -> dict[str, Array]:
        """Extreme and ordinary values; all pairs of bytes for a square of 256."""
        if self.shape == (256, 1) and self.other == (1, 256):
            grid = np.arange(-128, 128, dtype=np.int8)
            return {"a": grid[:, np.newaxis], "b": grid[np.newaxis, :]}
        rng = np.random.default_rng([self.seed, 48])
        return {"a": extreme_bytes(rng, self.shape), "b": extreme_bytes(rng, self.other or self.shape)}


ALL = ((256, 1), (1, 256))
ALL_PAIRS = {
    "usual scale": Product(*ALL),
    "halves": Product(*ALL, scale=0.125, zero_points=(0, 0, 0)),
    "large scale": Product(*ALL, scale=0.49, zero_points=(-128, 127, 0)),
    "smallest scale": Product(*ALL, scale=2.0**-24, zero_points=(127, 127, -128)),
}
CORNERS = {
    "one element": Product((1,)),
    "three elements": Product((3,), zero_points=(0, 0, 0)),
    "elements left over": Product((1, 7, 9, 5), zero_points=(17, -30, 3)),
    "over the first input": Product((64,), in_place=0),
    "over the second input": Product((65,), in_place=1),
    "a range above zero": Product((77,), zero_points=(-9, 3, 14), clamp=(14, 127)),
    "a range below zero": Product((77,), zero_points=(-9, 3, 0), clamp=(-90, -30)),
    "a row for all rows": Product((3, 5, 19), (19,)),
    "rows for one row": Product((19,), (3, 5, 19), zero_points=(17, -30, 3)),
    "a byte for each row": Product((3, 5, 19), (3, 5, 1), clamp=(-90, 30)),
    "rows for bytes": Product((3, 5, 1), (3, 5, 19)),
    "a byte for all": Product((3, 5, 19), (1,)),
    "a byte over which all lie": Product((1, 1, 1), (3, 5, 18), in_place=1),
    "both repeated": Product((4, 1, 6), (1, 5, 6)),
}


def scheduled(name: str, case: Product, board: str = F746) -> Scheduled:
    """The case under the template's schedule."""
    model = case.model()
    assert TEMPLATE.refusal(site_of(model, board)) == "", name
    return Scheduled(model, case.inputs(), Schedule(TEMPLATE.name), name)


def random_case(seed: int) -> Product:
    rng = np.random.default_rng([seed, 49])
    zero_points = [int(value) for value in rng.integers(-128, 128, 3)]
    low = int(rng.choice([-128, -128, zero_points[2]]))
    return Product(
        shape=(int(rng.integers(1, 9)), int(rng.integers(1, 40))),
        scale=float(np.exp(rng.uniform(-9, -0.8))),
        zero_points=(zero_points[0], zero_points[1], zero_points[2]),
        clamp=(low, int(rng.choice([127, max(low, 30)]))),
        seed=seed,
    )


def random_cases(board: str, count: int) -> list[Scheduled]:
    return [scheduled(f"random {seed}", random_case(seed), board) for seed in range(count)]


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_on_the_f746(prefer: Prefer) -> None:
    corners = [scheduled(name, case) for name, case in CORNERS.items()]
    assert_equal_on(F746, [*corners, *random_cases(F746, 30)], prefer)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_all_pairs_of_bytes(prefer: Prefer) -> None:
    cases = [scheduled(name, case) for name, case in ALL_PAIRS.items()]
    for half in (cases[:2], cases[2:]):
        assert_equal_on(F746, half, prefer)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_other_cores(board: str) -> None:
    corners = [scheduled(name, case, board) for name, case in CORNERS.items()]
    assert_equal_on(board, [*corners, *random_cases(board, 10)], "zig")


def test_is_the_default() -> None:
    for name in ("elements left over", "a row for all rows", "a byte for all"):
        assert default_schedule(site_of(CORNERS[name].model()), 1 << 20).template == TEMPLATE.name


def test_refusals_say_why() -> None:
    case = Product((4, 4))
    (operator,) = case.model().operators
    for requantization in (scaling(0.7), scaling(2.0**-26), Requantization((1 << 30,), (-5,), "single")):
        model = replace(case.model(), operators=(replace(operator, requantization=requantization),))  # type: ignore[call-arg]
        assert "is not a shift of -23 ... -1" in TEMPLATE.refusal(site_of(model))
    assert "no DSP" in TEMPLATE.refusal(site_of(case.model(), "nucleo-g0b1re"))


@pytest.mark.parametrize("shift", range(1, 24))
def test_the_form_is_exact(shift: int) -> None:
    grid = np.arange(-128, 128)
    rng = np.random.default_rng(shift)
    for multiplier in (1 << 30, (1 << 31) - 1, int(rng.integers(1 << 30, 1 << 31))):
        zero_points = int(rng.integers(-128, 128)), int(rng.choice([-128, 127]))
        requantization = Requantization((multiplier,), (-shift,))
        form = product_form(requantization, zero_points, 3, (-100, 90))
        assert form is not None
        products = (grid[:, np.newaxis] - zero_points[0]) * (grid[np.newaxis, :] - zero_points[1])
        truth = finish(requantize(products, requantization), 3, (-100, 90))
        np.testing.assert_array_equal(form.apply(grid[:, np.newaxis], grid[np.newaxis, :]), truth)
