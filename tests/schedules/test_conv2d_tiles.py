"""Convolutions by tiles in plain C against the reference, on this computer and on a core without DSP instructions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.schedules.conv2d_cases import CORNERS, Convolution, random_convolution
from tests.schedules.scheduled import Scheduled, program_of, site_of
from utvm.boards import load_board
from utvm.model.operator_types import Conv2D, Padding, Requantization
from utvm.model.tensor import Tensor, constant
from utvm.operators import run_reference
from utvm.schedules import Schedule, candidates, default_schedule
from utvm.schedules.conv2d_tiles import Conv2DTiles
from utvm.session.hosted import HostedSession

TEMPLATE = Conv2DTiles()


def assert_equal_on(board_name: str, cases: list[Scheduled]) -> None:
    program = program_of(cases, board_name)
    fed = {f"m{index}/{name}": value for index, case in enumerate(cases) for name, value in case.inputs.items()}
    with HostedSession(program, load_board(board_name)) as session:
        outputs = session.run(fed).outputs
    for index, case in enumerate(cases):
        for name, expected in run_reference(case.model, case.inputs).items():
            np.testing.assert_array_equal(outputs[f"m{index}/{name}"], expected, f"{case.label} {case.schedule}")


def scheduled(name: str, case: Convolution, board: str, most: int) -> list[Scheduled]:
    model = case.model()
    found = [schedule for schedule in candidates(site_of(model, board)) if schedule.template == TEMPLATE.name]
    step = max(-(-len(found) // most), 1)
    return [Scheduled(model, {"x": case.input()}, schedule, name) for schedule in found[::step]]


@pytest.mark.parametrize("board", ["host", pytest.param("qemu-riscv32-virt", marks=pytest.mark.qemu)])
def test_corners_and_random_ones(board: str) -> None:
    cases = [each for name, case in CORNERS.items() if name != "tiny scale" for each in scheduled(name, case, board, 5)]
    for seed in range(30):
        case = random_convolution(seed)
        if not TEMPLATE.refusal(site_of(case.model(), board)):
            cases += scheduled(f"random {seed}", case, board, 2)
    assert len(cases) > 80
    assert_equal_on(board, cases)


def test_every_schedule_of_one() -> None:
    case = Convolution((1, 5, 9, 3), 8, (3, 3), padding=Padding(1, 1, 1, 1), zero_points=(-7, 4))
    cases = scheduled("all", case, "host", 1000)
    assert len(cases) == 3 * 3 * 4 * 2
    assert_equal_on("host", cases)


def test_is_a_candidate_and_on_this_computer_no_default() -> None:
    model = Convolution((1, 8, 8, 8), 8, (3, 3)).model()
    assert default_schedule(site_of(model, "host"), 1 << 20).template != TEMPLATE.name
    for board in ("host", "qemu-riscv32-virt"):
        assert TEMPLATE.name in {schedule.template for schedule in candidates(site_of(model, board))}


def test_refusals_say_why() -> None:
    model = Convolution((1, 6, 6, 4), 4, (3, 3)).model()
    (operator,) = model.operators
    assert isinstance(operator, Conv2D)
    site = site_of(model, "host")
    assert not TEMPLATE.refusal(site)
    for board in ("stm32f746-disco", "nucleo-g0b1re", "qemu-mps3-an547"):
        assert "has faster ones" in TEMPLATE.refusal(site_of(model, board))
    wide = Requantization((1 << 52,), (-9,), "wide")
    assert "rounds wide" in TEMPLATE.refusal(replace(site, operator=replace(operator, requantization=wide)))
    assert "dilated" in TEMPLATE.refusal(replace(site, operator=replace(operator, dilation=(2, 1))))
    assert "not constants" in TEMPLATE.refusal(
        replace(site, inputs=(site.inputs[0], Tensor("w", (4, 3, 3, 4), "int8"), site.inputs[2]))
    )
    grouped = Tensor("x", (1, 6, 6, 8), "int8")
    assert "grouped" in TEMPLATE.refusal(replace(site, inputs=(grouped, *site.inputs[1:])))
    far = constant("b", np.full(4, (1 << 31) - 1, np.int32))
    assert "leave int32" in TEMPLATE.refusal(replace(site, inputs=(*site.inputs[:2], far)))
    odd = Schedule.of("conv2d_tiles", {"pixels": 4, "channels": 4, "unroll": 1, "outer": "pixels"})
    narrow = site_of(Convolution((1, 6, 3, 4), 4, (3, 3)).model(), "host")
    assert "pixels: 4 in rows of 1" in TEMPLATE.conflict(narrow, odd)
    assert "no multiple" in TEMPLATE.conflict(site_of(Convolution((1, 6, 6, 4), 3, (3, 3)).model(), "host"), odd)
