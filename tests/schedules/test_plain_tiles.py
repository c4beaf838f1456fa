"""Tiles in plain C against the reference, byte for byte, on a core with SIMD, one with few registers, and others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.schedules import conv2d_cases, test_depthwise, test_fully_connected
from tests.schedules.conv2d_cases import Convolution, random_convolution
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.errors import ScheduleError
from utvm.microkernels.plain import pack_tiles
from utvm.model import Model
from utvm.model.operator_types import Padding
from utvm.model.tensor import Tensor, constant
from utvm.operators.overlap import Overlap
from utvm.schedules import Schedule, candidates, default_schedule, site_overlap
from utvm.schedules.plain_tiles import PlainTiles
from utvm.schedules.template import Site
from utvm.session.standalone import Prefer

TEMPLATE = PlainTiles()
RV32 = "qemu-riscv32-virt"


def cases(board: str, randoms: int, schedules: int = 2) -> list[Scheduled]:
    """Corners and random layers of all kinds, each under some of the template's schedules."""
    named: dict[str, Convolution | test_depthwise.Depthwise | test_fully_connected.Layer] = {
        **conv2d_cases.CORNERS,
        "columns apart": Convolution((2, 7, 9, 4), 4, (2, 3), dilation=(2, 3), zero_points=(-128, -128)),
        **{f"random {seed}": random_convolution(seed) for seed in range(900, 900 + randoms)},
        **{name: case for name, case in test_depthwise.CORNERS.items() if case.image[3] < 100},
        **test_fully_connected.CORNERS,
    }
    found = []
    for name, case in named.items():
        model = case.model()
        site = site_of(model, board)
        assert TEMPLATE.refusal(site) == "", name
        legal = [schedule for schedule in candidates(site) if schedule.template == TEMPLATE.name]
        chosen = dict.fromkeys(legal[:: -(-len(legal) // schedules)])
        found += [Scheduled(model, {"x": case.input()}, schedule, name) for schedule in chosen]
    return found


@pytest.mark.parametrize(
    ("board", "prefer"),
    [
        ("host", "auto"),
        pytest.param("stm32f746-disco", "gcc", marks=pytest.mark.arm_gcc),
        ("nucleo-g0b1re", "zig"),
        pytest.param(RV32, "zig", marks=pytest.mark.qemu),
        pytest.param("qemu-mps2-an385", "zig", marks=pytest.mark.qemu),
    ],
)
def test_equals_the_reference(board: str, prefer: Prefer) -> None:
    assert_equal_on(board, cases(board, 12), prefer)


def test_every_schedule_of_one() -> None:
    case = Convolution((1, 5, 9, 3), 8, (3, 3), padding=Padding(1, 1, 1, 1), zero_points=(-7, 4))
    model = case.model()
    found = [schedule for schedule in candidates(site_of(model, "host")) if schedule.template == TEMPLATE.name]
    assert len(found) == 3 * 2 * 2 * 2
    assert_equal_on("host", [Scheduled(model, {"x": case.input()}, schedule, "all") for schedule in found], "auto")


def test_tiles_need_pixels() -> None:
    site = site_of(Convolution((1, 6, 6, 4), 4, (3, 3)).model(), RV32)
    many = Schedule.of(TEMPLATE.name, {"pixels": 4, "channels": 4, "unroll": 2, "tiles": 8})
    with pytest.raises(ScheduleError, match="knob tiles: 32 pixels together where there are 16"):
        TEMPLATE.check(site, many)


def test_leaves_to_this_computers_compiler_what_it_vectorises() -> None:
    for channels, template in ((3, TEMPLATE.name), (16, "portable")):
        site = site_of(Convolution((1, 8, 8, channels), 8, (3, 3)).model(), "host")
        assert default_schedule(site, 1 << 20).template == template
        assert TEMPLATE.name in {schedule.template for schedule in candidates(site)}


def test_is_the_default_without_faster_instructions() -> None:
    convolution = Convolution((1, 8, 8, 64), 64, (1, 1))
    assert default_schedule(site_of(convolution.model(), RV32), 1 << 20).template == TEMPLATE.name
    dense = test_fully_connected.CORNERS["eight outputs"]
    assert default_schedule(site_of(dense.model(), RV32), 1 << 20).template == TEMPLATE.name
    assert default_schedule(site_of(dense.model(), "stm32f746-disco"), 1 << 20).template != TEMPLATE.name


def test_outputs_lie_over_what_was_read() -> None:
    site = site_of(Convolution((1, 8, 8, 16), 16, (1, 1)).model(), RV32)
    schedule = next(
        item for item in candidates(site) if item.template == TEMPLATE.name and dict(item.knobs)["pixels"] == 2
    )
    assert site_overlap(site, schedule) is None
    free = Site(site.operator, site.inputs, site.outputs, site.core, overwritable=True)
    assert site_overlap(free, schedule) == Overlap(0)


def test_refusals_say_why() -> None:
    layer = test_fully_connected.CORNERS["eight outputs"]
    asymmetric = test_fully_connected.with_operator(layer, weights_zero_point=3)
    assert "zero point is 3" in TEMPLATE.refusal(site_of(asymmetric, RV32))
    model: Model = layer.model()
    unknown = replace(model, tensors={**model.tensors, "w": replace(model.tensors["w"], data=None)})
    assert "not constants" in TEMPLATE.refusal(site_of(unknown, RV32))
    huge = replace(model, tensors={**model.tensors, "b": constant("b", np.full(8, (1 << 31) - 1, np.int32))})
    assert "leave int32" in TEMPLATE.refusal(site_of(huge, RV32))
    site = site_of(Convolution((1, 6, 6, 4), 4, (3, 3)).model(), RV32)
    grouped = Tensor("x", (1, 6, 6, 8), "int8")
    assert "groups" in TEMPLATE.refusal(replace(site, inputs=(grouped, *site.inputs[1:])))


def test_packed_weights_are_taken_channel_after_channel() -> None:
    weights = np.arange(15, dtype=np.int8).reshape(5, 3)
    packed = pack_tiles(weights, 4, 2).reshape(2, 4, 4)
    np.testing.assert_array_equal(packed[0, :3].T, weights[:4])
    np.testing.assert_array_equal(packed[1, :3, 0], weights[4])
    assert not packed[:, 3].any() and not packed[1, :, 1:].any()
