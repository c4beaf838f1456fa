"""Fully connected layers that leave out inputs that are zero against the reference, however many those are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.schedules.conv2d_cases import extreme_bytes
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from tests.schedules.test_fully_connected import F746, TOOLCHAINS, Layer
from utvm.model import Model
from utvm.model.quantization import Quantization
from utvm.schedules import Schedule, default_schedule
from utvm.schedules.fully_connected_nonzero import FullyConnectedNonzero
from utvm.session.standalone import Prefer

TEMPLATE = FullyConnectedNonzero()

CORNERS = {
    "one group": Layer(1, 128, 8, zero_points=(-128, -128)),
    "two groups": Layer(1, 128, 16, zero_points=(-128, 4)),
    "an odd number of groups": Layer(1, 64, 24, zero_points=(-128, -128)),
    "one word": Layer(1, 4, 16, zero_points=(-128, 0)),
    "zero in the middle": Layer(1, 32, 16, zero_points=(3, 0)),
    "zero at the top": Layer(1, 32, 16, zero_points=(127, 127)),
    "too deep to share lines": Layer(1, 512, 16, zero_points=(-128, -128), scale=0.5),
    "rows": Layer(3, 64, 16, zero_points=(-128, -7)),
    "a scale per output": Layer(2, 96, 32, per_channel=True, zero_points=(-128, 1)),
    "range below zero": Layer(1, 64, 32, zero_points=(-128, 0), clamp=(-90, -30)),
}
SHARES = {"all": 0.0, "most": 0.1, "half": 0.5, "few": 0.9, "none": 1.0}


def scheduled(name: str, case: Layer, share: float, board: str = F746) -> Scheduled:
    """The case with such a share of inputs that are zero, the last one not among them unless all are."""
    model = case.model()
    site = site_of(model, board)
    assert TEMPLATE.refusal(site) == "", name
    rng = np.random.default_rng([case.depth, int(100 * share)])
    zero = case.zero_points[0]
    x = np.where(rng.random((case.rows, case.depth)) < share, zero, extreme_bytes(rng, (case.rows, case.depth)))
    x[:, -1] = zero if share == 1.0 else -zero // 2
    return Scheduled(model, {"x": x.astype(np.int8)}, Schedule(TEMPLATE.name), f"{name}, {share:.0%} zero")


@pytest.mark.parametrize("prefer", TOOLCHAINS)
@pytest.mark.parametrize("share", SHARES.values(), ids=SHARES)
def test_corners(prefer: Prefer, share: float) -> None:
    assert_equal_on(F746, [scheduled(name, case, share) for name, case in CORNERS.items()], prefer)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_other_cores(board: str) -> None:
    cases = [scheduled(name, case, share, board) for name, case in CORNERS.items() for share in (0.1, 0.6)]
    assert_equal_on(board, cases, "zig")


def behind_relu(case: Layer, zero_point: int = -128) -> Model:
    """The operator with its zero point folded into the biases, as the rewrites leave it."""
    model = case.model()
    x = replace(model.tensors["x"], quantization=Quantization((0.1,), (zero_point,)))
    return replace(model, tensors={**model.tensors, "x": x})


def test_is_the_default_behind_a_relu_only() -> None:
    case = Layer(1, 128, 128, zero_points=(0, -128))
    assert default_schedule(site_of(behind_relu(case)), 1 << 20).template == TEMPLATE.name
    assert default_schedule(site_of(behind_relu(case, 4)), 1 << 20).template == "fully_connected_dot"
    assert default_schedule(site_of(behind_relu(case)), 100).template == "fully_connected_dot"


def test_refusals_say_why() -> None:
    assert "12 outputs" in TEMPLATE.refusal(site_of(Layer(1, 64, 12).model()))
    assert "37 inputs" in TEMPLATE.refusal(site_of(Layer(1, 37, 16).model()))
    assert "no DSP" in TEMPLATE.refusal(site_of(Layer(1, 64, 16).model(), "nucleo-g0b1re"))
