"""The Winograd template against the reference, byte for byte, on the cores it is scheduled for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.schedules.conv2d_cases import Convolution
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.microkernels.conv_winograd import transformed_weights
from utvm.model.operator_types import Padding
from utvm.schedules import candidates
from utvm.schedules.conv2d_winograd import Conv2DWinograd
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = Conv2DWinograd()
WINDOW = (3, 3)
SAME = Padding(1, 1, 1, 1)

CORNERS = {
    "one tile": Convolution((1, 4, 4, 2), 2, WINDOW, zero_points=(5, 3)),
    "one tile, all of its border padded": Convolution((1, 2, 2, 4), 3, WINDOW, padding=SAME, zero_points=(-128, -128)),
    "an odd row of tiles": Convolution((1, 6, 10, 8), 4, WINDOW, padding=SAME, zero_points=(9, 0)),
    "no padding": Convolution((1, 8, 10, 12), 5, WINDOW, zero_points=(0, 127)),
    "lopsided padding": Convolution((1, 5, 6, 6), 2, WINDOW, padding=Padding(0, 3, 2, 0), zero_points=(77, -1)),
    "windows outside the image": Convolution((1, 2, 2, 4), 2, WINDOW, padding=Padding(4, 4, 4, 4), zero_points=(-7, 0)),
    "two images": Convolution((2, 4, 6, 4), 4, WINDOW, padding=SAME, zero_points=(1, 2)),
    "many channels": Convolution((1, 4, 4, 120), 6, WINDOW, padding=SAME, zero_points=(-128, -128), scale=0.5),
    "clamped": Convolution((1, 6, 6, 16), 4, WINDOW, padding=SAME, zero_points=(-128, -20), clamp=(-20, 60)),
    "one output channel": Convolution((1, 6, 6, 4), 1, WINDOW, padding=SAME),
    "tiny scale": Convolution((1, 4, 4, 8), 4, WINDOW, scale=1e-6, bias_reach=1 << 27),
}


def random_convolution(seed: int) -> Convolution:
    rng = np.random.default_rng([seed, 11])
    padding = Padding(*(int(rng.integers(0, 3)) for _ in range(4)))
    height, width = (2 * int(rng.integers(1, 7)) for _ in range(2))
    zero_points = int(rng.choice([-128, 0, 127, 5])), int(rng.choice([-128, 0, 127, -17]))
    rows, columns = height + 2 - padding.top - padding.bottom, width + 2 - padding.left - padding.right
    return Convolution(
        image=(1, max(rows, 2 - rows % 2), max(columns, 2 - columns % 2), 2 * int(rng.integers(1, 12))),
        outputs=int(rng.integers(1, 8)),
        window=WINDOW,
        padding=padding,
        zero_points=zero_points,
        clamp=(int(rng.choice([-128, zero_points[1]])), 127),
        scale=float(rng.choice([0.01, 1.0, 1.0])),
        bias_reach=int(rng.choice([0, 1000, 100_000])),
        seed=seed,
    )


def scheduled(name: str, case: Convolution, board: str) -> list[Scheduled]:
    """The case under every group size."""
    model = case.model()
    site = site_of(model, board)
    assert TEMPLATE.refusal(site) == "", name
    schedules = [schedule for schedule in candidates(site) if schedule.template == TEMPLATE.name]
    return [Scheduled(model, {"x": case.input()}, schedule, name) for schedule in schedules]


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_corners_in_groups_of_every_size(prefer: Prefer) -> None:
    board = "stm32f746-disco"
    assert_equal_on(board, [each for name, case in CORNERS.items() for each in scheduled(name, case, board)], prefer)


@pytest.mark.parametrize("board", ["stm32f746-disco", "nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_random_convolutions(board: str) -> None:
    cases = [scheduled(f"random {seed}", random_convolution(seed), board)[0] for seed in range(20)]
    assert_equal_on(board, cases, "zig")


def test_the_spectrum_of_weights_in_numpy() -> None:
    """The inverse transform of products gives four times the convolution of every 4x4 patch."""
    rng = np.random.default_rng(1)
    weights = rng.integers(-128, 128, (2, 3, 3, 4)).astype(np.int8)
    patch = rng.integers(-128, 128, (4, 4, 4)).astype(np.int64)
    words = transformed_weights(weights, [(0, 1)])
    spectrum = (
        words.view(np.int16).reshape(1, 4, 4, 2, 2, 2).transpose(0, 4, 1, 2, 3, 5).reshape(2, 4, 4, 4).astype(np.int64)
    )
    b = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]])
    a = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])
    frequencies = np.einsum("ia,abc,jb->ijc", b, patch, b)
    outputs = np.einsum("yi,oijc,ijc,xj->oyx", a, spectrum, frequencies, a)
    for y in range(2):
        for x in range(2):
            direct = (weights.astype(np.int64) * patch[y : y + 3, x : x + 3]).sum(axis=(1, 2, 3))
            np.testing.assert_array_equal(outputs[:, y, x], 4 * direct)


def test_refusals_say_why() -> None:
    case = Convolution((1, 6, 6, 4), 4, WINDOW)
    refused = [
        (replace(case, window=(3, 1)), "not a 3x3 window"),
        (replace(case, strides=(1, 2)), "not a 3x3 window"),
        (replace(case, image=(1, 9, 9, 4), dilation=(2, 2)), "not a 3x3 window"),
        (replace(case, image=(1, 7, 6, 4)), "5x4 outputs do not divide"),
        (replace(case, image=(1, 6, 6, 3)), "3 input channels"),
        (replace(case, image=(1, 6, 6, 122)), "122 input channels"),
        (replace(case, image=(1, 4, 80, 32)), "too long for a load"),
        (replace(case, image=(1, 4, 66, 4), outputs=80), "too far for a store"),
        (replace(case, scale=100.0), "right shift"),
    ]
    for other, message in refused:
        assert message in TEMPLATE.refusal(site_of(other.model()))
    assert "DSP" in TEMPLATE.refusal(site_of(case.model(), "nucleo-g0b1re"))
