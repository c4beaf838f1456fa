"""Convolutions by code that holds the weights against the reference, byte for byte, on cores without DSP."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.host import merge_models
from tests.schedules import conv2d_cases, test_depthwise
from tests.schedules.conv2d_cases import Convolution, random_convolution
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from tests.schedules.test_depthwise import Depthwise
from utvm.boards import load_board
from utvm.codegen.assemble import Target, assemble
from utvm.codegen.budget import arena_regions
from utvm.compiler import provenance
from utvm.errors import ScheduleError
from utvm.microkernels.weight_code import chunks_of, terms_of
from utvm.microkernels.weight_code.chunks import MOST_WEIGHT
from utvm.model import Model
from utvm.model.operator_types import Padding, Requantization
from utvm.model.tensor import constant
from utvm.schedules import Schedule, candidates, default_schedule, scheduled_kernel
from utvm.schedules.weight_code import WeightCode
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = WeightCode()
G0B1 = "nucleo-g0b1re"

CORNERS = {
    "three images, rows alone": Convolution((3, 1, 6, 4), 5, (1, 3), padding=Padding(0, 0, 1, 1), zero_points=(9, 0)),
    "two images, odd rows": Convolution((2, 5, 6, 3), 4, (3, 3), padding=Padding(1, 1, 1, 1), zero_points=(-3, -128)),
    "columns apart": Convolution((1, 7, 9, 4), 4, (2, 3), dilation=(2, 3), zero_points=(-128, -128)),
    "an odd number of pixels": Convolution((1, 5, 5, 8), 4, (1, 1), zero_points=(0, -128), clamp=(-128, 100)),
    "one channel of outputs": Convolution((1, 6, 6, 5), 1, (3, 2), clamp=(-20, 30)),
    "long dot products": Convolution((1, 3, 5, 260), 5, (2, 2), scale=0.5, zero_points=(-128, 7)),
}


def scheduled(name: str, model: Model, inputs: dict[str, object], every: bool = False) -> list[Scheduled]:
    """The model under the template's schedules: all of them, or the first and the last."""
    site = site_of(model, G0B1)
    assert TEMPLATE.refusal(site) == "", name
    found = [schedule for schedule in candidates(site) if schedule.template == TEMPLATE.name]
    chosen = found if every else list(dict.fromkeys([found[0], found[-1]]))
    return [Scheduled(model, inputs, schedule, name) for schedule in chosen]  # type: ignore[arg-type]


def convolutions(randoms: int) -> list[Scheduled]:
    named = {**conv2d_cases.CORNERS, **CORNERS}
    named |= {f"random {seed}": random_convolution(seed) for seed in range(500, 500 + randoms)}
    return [
        item
        for name, case in named.items()
        for item in scheduled(name, case.model(), {"x": case.input()}, every=name in CORNERS)
    ]


def depthwise(randoms: int) -> list[Scheduled]:
    # A strip holds windows of three columns at most.
    corners = test_depthwise.CORNERS.items()
    named = {name: case for name, case in corners if case.image[3] < 100 and case.window[1] <= 3}
    rng = np.random.default_rng(61)
    for seed in range(randoms):
        window = int(rng.integers(1, 6)), int(rng.integers(1, 4))
        named[f"random {seed}"] = Depthwise(
            image=(int(rng.choice([1, 2])), int(rng.integers(5, 9)), int(rng.integers(5, 9)), int(rng.integers(1, 9))),
            window=window,
            strides=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
            padding=Padding(*(int(rng.integers(0, window[side // 2])) for side in range(4))),
            multiplier=int(rng.choice([1, 1, 2])),
            zero_points=(int(rng.integers(-128, 128)), int(rng.integers(-128, 128))),
            scale=float(rng.choice([0.05, 1.0, 1.0, 8.0])),
            seed=seed,
        )
    return [item for name, case in named.items() for item in scheduled(name, case.model(), {"x": case.input()})]


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_convolutions(prefer: Prefer) -> None:
    assert_equal_on(G0B1, convolutions(15), prefer)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_depthwise_convolutions(prefer: Prefer) -> None:
    assert_equal_on(G0B1, depthwise(15), prefer)


def test_is_the_default_within_its_scratch() -> None:
    for case in (CORNERS["an odd number of pixels"], conv2d_cases.CORNERS["keyword spotting's first"]):
        site = site_of(case.model(), G0B1)
        chosen = default_schedule(site, 1 << 20)
        assert chosen.template == TEMPLATE.name
        limit = TEMPLATE.scratch_bytes(site, chosen) - 1
        smaller = default_schedule(site, limit)
        assert smaller.template == TEMPLATE.name and TEMPLATE.scratch_bytes(site, smaller) <= limit


def test_code_is_saved_where_it_gains_least() -> None:
    board = load_board(G0B1)
    model = merge_models(
        [Convolution((1, side, side, 8), 8, (3, 3), padding=Padding(1, 1, 1, 1)).model() for side in (4, 12)]
    )
    regions = arena_regions(model, board)
    templates = []
    for limit in (None, 9000, 4000):
        target = Target(board.name, board.core, regions, limit)
        calls = assemble(model, target, provenance(model)).calls
        templates.append([call.schedule.split("(")[0] == TEMPLATE.name for call in calls])
    assert templates == [[True, True], [False, True], [False, False]]


def test_refusals_say_why() -> None:
    model = CORNERS["an odd number of pixels"].model()
    (operator,) = model.operators

    def changed(**changes: object) -> Model:
        return replace(model, operators=(replace(operator, **changes),))  # type: ignore[arg-type]

    assert "no code of this kind" in TEMPLATE.refusal(site_of(model, "stm32f746-disco"))
    many = Convolution((1, 1, 1, 5100), 4, (1, 1)).model()
    assert "would make too much code" in TEMPLATE.refusal(site_of(many, G0B1))
    negative = Requantization((-(1 << 30),), (-8,))
    assert "negative" in TEMPLATE.refusal(site_of(changed(requantization=negative), G0B1))
    huge = replace(model, tensors={**model.tensors, "b": constant("b", np.full(4, (1 << 31) - 1, np.int32))})
    assert "leave int32" in TEMPLATE.refusal(site_of(huge, G0B1))
    broad = Depthwise((1, 6, 6, 4), window=(2, 4), padding=Padding())
    assert "window of 4 columns" in TEMPLATE.refusal(site_of(broad.model(), G0B1))
    with pytest.raises(ScheduleError, match="knob columns"):
        scheduled_kernel(site_of(model, G0B1), Schedule.of(TEMPLATE.name, {"columns": 12345}))


def test_chunks_keep_within_a_half() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        weights = rng.integers(-128, 128, int(rng.integers(1, 60))).astype(np.int8)
        weights[rng.random(len(weights)) < 0.2] = 0
        chunks, terms = chunks_of(weights), terms_of(weights)
        totals = [int(np.abs(weights[chunk.first : chunk.last + 1].astype(int)).sum()) for chunk in chunks]
        assert all(0 < total <= MOST_WEIGHT for total in totals)
        assert sum(totals) == int(np.abs(weights.astype(int)).sum())
        assert sorted(terms) == list(np.flatnonzero(weights))
        assert [term.begins for term in terms.values()].count(True) == len(chunks)
        assert [term.ends for term in terms.values()].count(True) == len(chunks)
