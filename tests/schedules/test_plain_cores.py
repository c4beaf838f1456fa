"""Schedules of cores without DSP instructions against the reference, byte for byte: weights in words, plain sums."""

from __future__ import annotations

import numpy as np
import pytest

from tests.schedules import conv2d_cases, test_add, test_fully_connected
from tests.schedules.conv2d_cases import Convolution, random_convolution
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from tests.schedules.test_fully_connected import Layer
from utvm.microkernels.scaling import ScaleKind, SplitScale
from utvm.microkernels.weight_code.chunks import MOST_WEIGHT
from utvm.microkernels.weight_words import ROWS, TAPS, stream_of
from utvm.model.operator_types import Padding
from utvm.schedules import Schedule, default_schedule
from utvm.schedules.add_plain import AddPlain
from utvm.schedules.weight_words import WeightWords
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
WORDS, SUMS = WeightWords(), AddPlain()
G0B1 = "nucleo-g0b1re"
MOST_ELEMENTS = 20_000
"""Of a case that fits the board's RAM beside the others."""

LAYERS = {
    **test_fully_connected.CORNERS,
    "more outputs than are summed at a time": Layer(2, 24, 131, per_channel=True, zero_points=(7, -3)),
    "the largest weights": Layer(1, 96, 4, seed=3),
    "deep": Layer(1, 3000, 5, scale=0.5, zero_points=(-128, 3)),
}


def layers(randoms: int) -> list[Scheduled]:
    named = {**LAYERS, **{f"random {seed}": test_fully_connected.random_case(seed) for seed in range(randoms)}}
    found = []
    for name, case in named.items():
        assert WORDS.refusal(site_of(case.model(), G0B1)) == "", name
        found.append(Scheduled(case.model(), {"x": case.input()}, Schedule(WORDS.name), name))
    return found


def convolutions(randoms: int) -> list[Scheduled]:
    named = {
        # The columns of a window are side by side here.
        **{name: case for name, case in conv2d_cases.CORNERS.items() if case.dilation[1] == 1},
        "two images, strides": Convolution((2, 7, 6, 4), 5, (1, 1), (2, 3)),
        "words of channels": Convolution((1, 6, 5, 8), 70, (3, 3), padding=Padding(1, 1, 1, 1), zero_points=(3, -128)),
        **{f"random {seed}": random_convolution(seed) for seed in range(700, 700 + randoms)},
    }
    found = []
    for name, case in named.items():
        assert WORDS.refusal(site_of(case.model(), G0B1)) == "", name
        found.append(Scheduled(case.model(), {"x": case.input()}, Schedule(WORDS.name), name))
    return found


def sums(randoms: int) -> list[Scheduled]:
    named = {**test_add.CORNERS, **{f"random {seed}": test_add.random_case(seed) for seed in range(randoms)}}
    return [
        Scheduled(case.model(), case.inputs(), Schedule(SUMS.name), name)
        for name, case in named.items()
        if not SUMS.refusal(site_of(case.model(), G0B1)) and np.prod(case.shape) < MOST_ELEMENTS
    ]


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_on_the_g0b1(prefer: Prefer) -> None:
    cases = [*layers(20), *convolutions(10), *sums(10)]
    assert len([case for case in cases if case.schedule.template == SUMS.name]) > 15
    assert_equal_on(G0B1, cases, prefer)


def test_are_the_defaults() -> None:
    layer = LAYERS["eight outputs"]
    small = np.random.default_rng(5).integers(-9, 10, (layer.units, layer.depth)).astype(np.int8)
    model = test_fully_connected.with_weights(layer, small)
    assert default_schedule(site_of(model, G0B1), 1 << 20).template == WORDS.name
    assert default_schedule(site_of(test_add.CORNERS["a difference"].model(), G0B1), 0).template == SUMS.name


def test_refusals_say_why() -> None:
    layer = LAYERS["eight outputs"]
    assert "no code of this kind" in WORDS.refusal(site_of(layer.model(), "stm32f746-disco"))
    asymmetric = test_fully_connected.with_operator(layer, weights_zero_point=3)
    assert "zero point is 3" in WORDS.refusal(site_of(asymmetric, G0B1))
    apart = Convolution((1, 7, 9, 4), 4, (2, 3), dilation=(1, 2))
    assert "columns are apart" in WORDS.refusal(site_of(apart.model(), G0B1))
    assert "faster instructions" in SUMS.refusal(site_of(test_add.CORNERS["a difference"].model()))
    assert "not a sum" in SUMS.refusal(site_of(layer.model(), G0B1))


def test_a_stream_holds_every_weight_in_chunks_that_fit() -> None:
    rng = np.random.default_rng(12)
    for _ in range(30):
        weights = rng.integers(-128, 128, (int(rng.integers(1, 9)), int(rng.integers(1, 40)))).astype(np.int8)
        if rng.random() < 0.3:
            weights[:, :4] = -128
        words = stream_of(weights).words.view(np.uint32).astype(np.int64)
        found = np.zeros((-(-weights.shape[0] // ROWS) * ROWS, -(-weights.shape[1] // TAPS) * TAPS), dtype=np.int64)
        place = row = 0
        while place < len(words):
            begin, end = int(words[place]) & 0xFFFF, int(words[place]) >> 16
            place += 1
            if end == 0:
                row += ROWS
                continue
            taps = words[place : place + end - begin]
            even = (taps & 0xFF) - 128, ((taps >> 16) & 0xFF) - 128
            odd = ((taps >> 8) & 0xFF) - 128, (taps >> 24) - 256 * (taps >> 31)
            part = np.stack([*even, *odd])
            assert np.abs(part).sum(axis=1).max() <= MOST_WEIGHT and (end - begin) % TAPS == 0
            found[row : row + ROWS, begin:end] += part
            place += end - begin
        np.testing.assert_array_equal(found[: weights.shape[0], : weights.shape[1]], weights)
        assert not found[weights.shape[0] :].any() and not found[:, weights.shape[1] :].any()


def test_a_table_covers_all_its_scales() -> None:
    scales = (
        SplitScale(None, (3,), 0, 0, 0, 5, 6, 255),
        SplitScale((-9, 9), (1, 2, 3), 7, 11, -4, 12, 13, 255),
    )
    kind = ScaleKind.of(scales)
    assert kind == ScaleKind(3, True, True)
    table = kind.table(scales)
    assert table.shape == (2, kind.words) and table[1].tolist() == [-9, 9, 3, 2, 1, 7, 11, -4, 12, 13]
    assert table[0].tolist() == [-(1 << 31), (1 << 31) - 1, 0, 0, 3, 0, 0, 0, 5, 6]
