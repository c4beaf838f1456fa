"""The strip template against the reference, byte for byte, on the cores it is scheduled for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.schedules.conv2d_cases import CORNERS, Convolution, random_convolution
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.errors import ScheduleError
from utvm.model import Model
from utvm.model.operator_types import Conv2D, Padding, Requantization
from utvm.model.tensor import Tensor
from utvm.operators.kernel import CKernel
from utvm.schedules import Schedule, candidates, default_schedule, scheduled_kernel
from utvm.schedules.conv2d_strip import Conv2DStrip
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = Conv2DStrip()
MANY = 9


def scheduled(name: str, case: Convolution, board: str, many: bool = False) -> list[Scheduled]:
    """The case under the template's default schedule, or under up to MANY of the legal ones."""
    model = case.model()
    site = site_of(model, board)
    assert TEMPLATE.refusal(site) == "", name
    found = [schedule for schedule in candidates(site) if schedule.template == TEMPLATE.name]
    chosen = found[:: -(-len(found) // MANY)] if many else found[:1]
    return [Scheduled(model, {"x": case.input()}, schedule, name) for schedule in chosen]


def random_cases(board: str, count: int) -> list[Scheduled]:
    """Random convolutions that the template accepts, each under one of its legal schedules."""
    found: list[Scheduled] = []
    rng = np.random.default_rng(5)
    seed = 0
    while len(found) < count:
        case = random_convolution(seed)
        seed += 1
        if TEMPLATE.refusal(site_of(case.model(), board)):
            continue
        several = scheduled(f"random {seed - 1}: {case}", case, board, many=True)
        found.append(several[int(rng.integers(len(several)))])
    assert seed < 1.5 * count, "too many are refused"
    return found


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_corners_under_many_schedules(prefer: Prefer) -> None:
    board = "stm32f746-disco"
    cases = [each for name, case in CORNERS.items() for each in scheduled(name, case, board, many=True)]
    assert_equal_on(board, cases, prefer)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_random_convolutions(prefer: Prefer) -> None:
    assert_equal_on("stm32f746-disco", random_cases("stm32f746-disco", 60), prefer)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_other_cores(board: str) -> None:
    corners = [each for name, case in CORNERS.items() for each in scheduled(name, case, board)]
    assert_equal_on(board, [*corners, *random_cases(board, 12)], "zig")


def test_is_the_default_where_it_applies() -> None:
    site = site_of(CORNERS["rows not all used"].model())
    assert default_schedule(site, 1 << 20).template == TEMPLATE.name
    plain = site_of(CORNERS["rows not all used"].model(), "nucleo-g0b1re")
    assert default_schedule(plain, 1 << 20).template != TEMPLATE.name


def test_equal_tiles_are_one_function() -> None:
    case = CORNERS["rows not all used"]
    kernels = [
        scheduled_kernel(site, default_schedule(site, 1 << 20))
        for site in (site_of(case.model()), site_of(replace(case, seed=1).model()))
    ]
    first, second = (kernel.units for kernel in kernels if isinstance(kernel, CKernel))
    assert first == second


def requantized(model: Model, requantization: Requantization) -> Model:
    operator = model.operators[0]
    assert isinstance(operator, Conv2D)
    return replace(model, operators=(replace(operator, requantization=requantization),))


def test_refusals_say_why() -> None:
    case = Convolution((1, 6, 6, 4), 4, (3, 3))
    model = case.model()
    operator = model.operators[0]
    assert isinstance(operator, Conv2D)
    given = operator.requantization
    grouped = Tensor("x", (1, 6, 6, 8), "int8")
    refused = [
        (requantized(model, replace(given, rounding="single")), "rounds single"),
        (requantized(model, Requantization((1 << 30,) * 4, (0, -1, -2, -1))), "right shift of 0, below 1"),
        (requantized(model, Requantization((1 << 30,) * 4, (2,) * 4)), "right shift of -2"),
        (replace(model, tensors={**model.tensors, "w": Tensor("w", (4, 3, 3, 4), "int8")}), "not constants"),
        (replace(model, tensors={**model.tensors, "x": grouped}), "grouped"),
        (Convolution((1, 6, 9, 4), 4, (3, 3), dilation=(1, 2)).model(), "dilated"),
        (Convolution((1, 2, 8, 1100), 2, (1, 1), (1, 2)).model(), "too far for a load"),
        (Convolution((1, 2, 8, 4), 4200, (1, 1)).model(), "too far for a store"),
    ]
    for other, message in refused:
        site = site_of(other)
        assert message in TEMPLATE.refusal(site)
        with pytest.raises(ScheduleError, match="conv2d_strip for conv on cortex-m7"):
            scheduled_kernel(
                site, Schedule.of("conv2d_strip", {"pixels": 2, "rows": 1, "unroll": 48, "stacked": False})
            )


@pytest.mark.parametrize(
    ("name", "wide"),
    [("weights of -128", True), ("accumulators beyond 2**23", True), ("keyword spotting's first", False)],
)
def test_weights_are_wide_where_two_channels_cannot_share_a_word(name: str, wide: bool) -> None:
    site = site_of(CORNERS[name].model())
    kernel = scheduled_kernel(site, default_schedule(site, 1 << 20))
    assert isinstance(kernel, CKernel)
    assert any("x2_s16_s16_" in unit.name for unit in kernel.units) == wide
    assert any("x2_s16_s8p_" in unit.name for unit in kernel.units) != wide


def test_a_schedule_must_name_its_knobs() -> None:
    site = site_of(Convolution((1, 6, 6, 4), 4, (3, 3), padding=Padding(1, 1, 1, 1)).model())
    with pytest.raises(ScheduleError, match="knob pixels = 3"):
        scheduled_kernel(site, Schedule.of("conv2d_strip", {"pixels": 3, "rows": 1, "unroll": 48, "stacked": False}))
    with pytest.raises(ScheduleError, match="are needed"):
        scheduled_kernel(site, Schedule.of("conv2d_strip", {"rows": 1}))
