"""The Winograd template against the reference, byte for byte, on the cores it is scheduled for."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tests.schedules.conv2d_cases import Convolution
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.microkernels.conv_winograd import LARGEST_WINDOW, SMALLEST_WINDOW, Window, transformed_weights
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
    "5x5": Convolution((1, 6, 10, 8), 4, (5, 5), padding=Padding(2, 2, 2, 2), zero_points=(-128, 3)),
    "5x5, no padding": Convolution((1, 10, 8, 32), 3, (5, 5), zero_points=(127, 0), lowest=-128),
    "5x5, divided by 512": Convolution((1, 6, 6, 32), 4, (5, 5), padding=Padding(2, 2, 2, 2), halvings=9),
    "4x4, lopsided padding": Convolution((1, 5, 6, 6), 3, (4, 4), padding=Padding(2, 0, 0, 3), zero_points=(77, -1)),
    "3x5": Convolution((1, 4, 6, 4), 2, (3, 5), padding=Padding(1, 1, 2, 2), zero_points=(9, 0)),
    "6x4": Convolution((1, 7, 7, 10), 2, (6, 4), zero_points=(-7, 0)),
    "7x7": Convolution((1, 8, 8, 18), 2, (7, 7), padding=Padding(3, 3, 3, 3), zero_points=(-128, -128), lowest=-128),
    "7x5 outside the image": Convolution((1, 2, 2, 4), 2, (7, 5), padding=Padding(8, 8, 6, 6), zero_points=(50, 0)),
}


def random_convolution(seed: int) -> Convolution:
    rng = np.random.default_rng([seed, 11])
    window = WINDOW if seed % 2 else (int(rng.integers(3, 8)), int(rng.integers(3, 8)))
    padding = Padding(*(int(rng.integers(0, 3)) for _ in range(4)))
    height, width = (2 * int(rng.integers(1, 7)) for _ in range(2))
    zero_points = int(rng.choice([-128, 0, 127, 5])), int(rng.choice([-128, 0, 127, -17]))
    rows = height + window[0] - 1 - padding.top - padding.bottom
    columns = width + window[1] - 1 - padding.left - padding.right
    return Convolution(
        image=(1, max(rows, 2 - rows % 2), max(columns, 2 - columns % 2), 2 * int(rng.integers(1, 10))),
        outputs=int(rng.integers(1, 8)),
        window=window,
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


WINDOWS = list(product(range(SMALLEST_WINDOW, LARGEST_WINDOW + 1), repeat=2))
# By the taps of a block; the result transform is one for all.
PATCHES = {
    3: np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
    2: np.array([[1, -1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 1, -1, 0]]),
    1: np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]),
}
RESULTS = np.array([[1, 1, 1, 0], [0, 1, -1, -1]])


@pytest.mark.parametrize("extents", WINDOWS, ids=str)
def test_the_spectrum_of_weights_in_numpy(extents: tuple[int, int]) -> None:
    """The inverse transform of products gives four times the convolution of every patch, in int16 and int32."""
    rng, window, channels = np.random.default_rng(1), Window(*extents), 4
    rows, columns = extents
    weights = rng.choice(np.array([-128, -128, 127, 5]), (2, rows, columns, channels)).astype(np.int8)
    patch = rng.choice(np.array([-128, 127, 127, 3]), (rows + 3, columns + 3, channels)).astype(np.int64)
    words = transformed_weights(weights, [(0, 1)])
    spectrum = words.view(np.int16).reshape(-1, 2, 2).transpose(1, 0, 2).reshape(2, window.products, channels)
    sums = np.zeros((2, 4, 4), dtype=np.int64)
    for block in window.blocks:
        part = patch[block.top : block.top + 4, block.left : block.left + 4]
        operands = np.einsum("ia,abc,jb->ijc", PATCHES[block.rows], part, PATCHES[block.columns])
        assert np.abs(operands).max() < 1 << 15
        for frequency in block.frequencies:
            row, column = frequency // 4, frequency % 4
            factors = spectrum[:, window.place(frequency, block)].astype(np.int64)
            sums[:, row, column] += factors @ operands[row, column]
    outputs = np.einsum("yi,oij,xj->oyx", RESULTS, sums, RESULTS)
    for y, x in product(range(2), repeat=2):
        direct = (weights.astype(np.int64) * patch[y : y + rows, x : x + columns]).sum(axis=(1, 2, 3))
        np.testing.assert_array_equal(outputs[:, y, x], 4 * direct)


@pytest.mark.parametrize("extents", WINDOWS, ids=str)
def test_the_order_of_products(extents: tuple[int, int]) -> None:
    """Every operand has a place of its own, and runs cover all frequencies, none of them empty."""
    window = Window(*extents)
    places = [window.place(frequency, block) for block in window.blocks for frequency in block.frequencies]
    assert sorted(places) == list(range(window.products))
    assert sum(run.frequencies for run in window.runs) == 16 and all(run.blocks for run in window.runs)
    for run in window.runs:
        first = window.order[run.first]
        assert window.place(first, window.blocks_of(first)[0]) == run.begin


def test_fewer_products_than_directly() -> None:
    found = {str(window): window.products for window in (Window(3, 3), Window(4, 4), Window(5, 5), Window(7, 7))}
    assert found == {"3x3": 16, "4x4": 36, "5x5": 49, "7x7": 100}


def test_refusals_say_why() -> None:
    case = Convolution((1, 6, 6, 4), 4, WINDOW)
    refused = [
        (replace(case, window=(3, 1)), "not a window of 3x3 ... 7x7"),
        (replace(case, image=(1, 9, 9, 4), window=(8, 8)), "not a window of 3x3 ... 7x7"),
        (replace(case, strides=(1, 2)), "not a window of 3x3 ... 7x7"),
        (replace(case, image=(1, 9, 9, 4), dilation=(2, 2)), "not a window of 3x3 ... 7x7"),
        (replace(case, image=(1, 7, 6, 4)), "5x4 outputs do not divide"),
        (replace(case, image=(1, 6, 6, 3)), "3 input channels"),
        (replace(case, image=(1, 6, 6, 122)), "122 input channels are too many"),
        (replace(case, image=(1, 6, 6, 40), window=(5, 5)), "40 input channels are too many"),
        (replace(case, image=(1, 4, 80, 32)), "too long for a load"),
        (replace(case, image=(1, 4, 66, 4), outputs=80), "too far for a store"),
        (replace(case, scale=100.0), "right shift"),
    ]
    for other, message in refused:
        assert message in TEMPLATE.refusal(site_of(other.model()))
    assert "DSP" in TEMPLATE.refusal(site_of(case.model(), "nucleo-g0b1re"))
