"""Partial im2col against the reference, byte for byte, on the cores it is scheduled for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.schedules.conv2d_cases import CORNERS as ORDINARY
from tests.schedules.conv2d_cases import Convolution, random_convolution
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.errors import ScheduleError
from utvm.model import Model
from utvm.model.operator_types import Conv2D, DepthwiseConv2D, Padding, Requantization
from utvm.model.tensor import Tensor, constant
from utvm.schedules import PORTABLE, Schedule, candidates, default_schedule, scheduled_kernel
from utvm.schedules.conv2d_im2col import Conv2DIm2col
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = Conv2DIm2col()
MANY = 2
# Of the strip template's cases.
ALSO = (
    "odd channels, odd stride",
    "padding alone under some windows",
    "a window over a skipped image row",
    "rows not all used",
    "weights of -128 in a long window",
    "divided by 512",
    "keyword spotting's first",
)
AROUND = Padding(2, 2, 2, 2)

CORNERS = {
    "dilated on both axes": Convolution((1, 9, 8, 4), 6, (3, 3), (1, 1), AROUND, (2, 2), (9, -128)),
    "dilated on both axes, odd channels": Convolution((2, 9, 8, 3), 5, (3, 3), (1, 1), AROUND, (2, 2), (-128, 3)),
    "dilated, no padding, strides": Convolution((2, 11, 12, 8), 3, (2, 3), (2, 3), dilation=(3, 2)),
    "dilated beyond the image": Convolution((1, 3, 3, 4), 2, (3, 3), (1, 1), Padding(5, 5, 5, 5), (5, 5), (-7, 0)),
    "groups of eight": Convolution((1, 7, 6, 32), 32, (3, 3), (1, 1), Padding(1, 1, 1, 1), (1, 1), (5, 2), groups=4),
    "groups of two": Convolution((1, 5, 6, 8), 12, (3, 2), (2, 1), Padding(1, 0, 0, 1), zero_points=(3, 4), groups=4),
    "groups of six, odd outputs": Convolution((1, 5, 5, 18), 9, (2, 2), (1, 1), AROUND, (1, 2), (-9, -1), groups=3),
    "groups of three, even": Convolution((1, 6, 5, 12), 8, (3, 3), (1, 1), AROUND, (2, 2), (11, -128), groups=4),
    "groups of three, odd": Convolution((1, 6, 5, 9), 6, (3, 3), (1, 1), AROUND, (1, 1), (11, -128), groups=3),
    "groups of 1x1": Convolution((2, 5, 7, 24), 16, (1, 1), groups=2, zero_points=(1, 1)),
    "groups of one output": Convolution((1, 5, 7, 16), 4, (3, 3), (2, 2), Padding(0, 1, 0, 1), groups=4),
    "groups in wide weights": Convolution((1, 5, 6, 16), 20, (3, 3), (1, 1), AROUND, groups=2, lowest=-128),
    "groups beyond 2**23": Convolution((1, 5, 5, 8), 4, (3, 3), scale=1e-3, bias_reach=1 << 26, groups=2),
    "groups clamped": Convolution((1, 6, 6, 8), 8, (3, 3), (1, 1), AROUND, (2, 1), (0, -9), (-9, 40), groups=2),
    "padding wider than the image": Convolution((1, 2, 2, 4), 4, (2, 2), (1, 1), Padding(3, 3, 4, 4), (1, 1), (50, 0)),
    "long windows": Convolution((1, 6, 7, 64), 4, (3, 3), (1, 1), AROUND, (2, 2), (0, 0), scale=0.5),
}


def depthwise(
    image: tuple[int, int, int, int], window: tuple[int, int], multiplier: int = 1, dilation: tuple[int, int] = (2, 2)
) -> Model:
    """A depthwise convolution with padding, alone."""
    channels = image[3] * multiplier
    like = Convolution((1, *window, 1), channels, window, zero_points=(4, -128)).model()
    conv = like.operators[0]
    assert isinstance(conv, Conv2D)
    weights, bias = like.tensors["w"].data, like.tensors["b"]
    assert weights is not None
    reach = [(taps - 1) * step for taps, step in zip(window, dilation, strict=True)]
    operator = DepthwiseConv2D(
        name="conv",
        inputs=conv.inputs,
        outputs=conv.outputs,
        strides=(1, 2),
        padding=Padding(reach[0], 0, reach[1], 1),
        dilation=dilation,
        depth_multiplier=multiplier,
        input_zero_point=4,
        requantization=conv.requantization,
        output_zero_point=-128,
        clamp=(-128, 127),
    )
    out = (image[0], image[1], (image[2] + 1 - 1) // 2 + 1, channels)
    tensors = {
        "x": Tensor("x", image, "int8"),
        "w": constant("w", np.ascontiguousarray(np.transpose(weights, (3, 1, 2, 0)))),
        "b": bias,
        "y": Tensor("y", out, "int8"),
    }
    return Model("conv", tensors, (operator,), ("x",), ("y",))


DEPTHWISE = {
    "dilated": depthwise((1, 7, 8, 16), (3, 3)),
    "dilated, an odd number": depthwise((1, 6, 5, 5), (3, 2)),
    "dilated, multiplied": depthwise((2, 5, 6, 6), (2, 3), 3, (1, 3)),
    "a large window": depthwise((1, 9, 9, 4), (9, 9), dilation=(1, 1)),
}


def legal(model: Model, board: str, count: int) -> list[Schedule]:
    """Up to `count` of the template's legal schedules, the default first."""
    site = site_of(model, board)
    assert TEMPLATE.refusal(site) == ""
    found = [schedule for schedule in candidates(site) if schedule.template == TEMPLATE.name]
    return found[:: -(-len(found) // count)]


def scheduled(name: str, case: Convolution, board: str, count: int) -> list[Scheduled]:
    """The case under up to `count` schedules."""
    model = case.model()
    return [Scheduled(model, {"x": case.input()}, schedule, name) for schedule in legal(model, board, count)]


def own_cases(board: str, count: int) -> list[Scheduled]:
    """What no other template takes, under `count` schedules."""
    found = [each for name, case in CORNERS.items() for each in scheduled(name, case, board, count)]
    rng = np.random.default_rng(6)
    for name, model in DEPTHWISE.items():
        image = rng.integers(-128, 128, model.tensors["x"].shape).astype(np.int8)
        found += [Scheduled(model, {"x": image}, schedule, name) for schedule in legal(model, board, count)]
    return found


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_corners(prefer: Prefer) -> None:
    assert_equal_on("stm32f746-disco", own_cases("stm32f746-disco", 1), prefer)


def test_corners_under_many_schedules_and_ordinary_ones() -> None:
    board = "stm32f746-disco"
    cases = own_cases(board, MANY)
    cases += [each for name in ALSO for each in scheduled(name, ORDINARY[name], board, 1)]
    assert_equal_on(board, cases, "zig")


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_other_cores(board: str) -> None:
    assert_equal_on(board, own_cases(board, 1), "zig")


def test_random_convolutions() -> None:
    board, rng = "stm32f746-disco", np.random.default_rng(5)
    cases: list[Scheduled] = []
    for seed in range(30):
        case = random_convolution(seed)
        groups, columns = int(rng.choice([1, 2, 3, 4])), int(rng.choice([1, 2, 3]))
        reach = (case.window[1] - 1) * (columns - 1)
        batch, height, width, channels = case.image
        case = replace(
            case,
            image=(batch, height, width + reach, channels * groups),
            outputs=case.outputs * groups,
            dilation=(case.dilation[0], columns),
            groups=groups,
        )
        if not TEMPLATE.refusal(site_of(case.model(), board)):
            several = scheduled(f"random {seed}: {case}", case, board, MANY)
            cases.append(several[int(rng.integers(len(several)))])
    assert len(cases) > 20
    assert_equal_on(board, cases, "zig")


def test_is_the_default_where_the_strip_template_refuses() -> None:
    for board in ("stm32f746-disco", "nucleo-l4r5zi", "nucleo-u575zi-q"):
        for name in ("dilated on both axes", "groups of eight"):
            assert default_schedule(site_of(CORNERS[name].model(), board), 1 << 20).template == TEMPLATE.name
    ordinary = site_of(Convolution((1, 16, 16, 16), 16, (3, 3), padding=Padding(1, 1, 1, 1)).model())
    assert TEMPLATE.name in {schedule.template for schedule in candidates(ordinary)}
    assert default_schedule(ordinary, 1 << 20).template != TEMPLATE.name


def test_scratch_is_what_the_kernel_takes_and_shrinks_with_its_knob() -> None:
    site = site_of(CORNERS["groups of eight"].model())
    sizes = []
    for schedule in legal(CORNERS["groups of eight"].model(), "stm32f746-disco", 1000):
        arguments = scheduled_kernel(site, schedule).arguments
        assert TEMPLATE.scratch_bytes(site, schedule) == sum(argument.size_bytes for argument in arguments)
        sizes.append(TEMPLATE.scratch_bytes(site, schedule))
    assert max(sizes) > 2 * min(sizes)


def test_refusals_say_why() -> None:
    model = Convolution((1, 9, 9, 8), 4, (3, 3), dilation=(2, 2), groups=2).model()
    operator = model.operators[0]
    assert isinstance(operator, Conv2D)
    given = operator.requantization
    single = replace(operator, requantization=replace(given, rounding="single"))
    left = replace(operator, requantization=Requantization((1 << 30,) * 4, (2,) * 4))
    refused = [
        (replace(model, operators=(single,)), "rounds single"),
        (replace(model, operators=(left,)), "right shift of -2"),
        (replace(model, tensors={**model.tensors, "w": Tensor("w", (4, 3, 3, 4), "int8")}), "not constants"),
        (Convolution((1, 6, 6, 8), 4, (1, 1)).model(), "its own patch"),
        (Convolution((1, 4, 4, 512), 2, (3, 3)).model(), "too far for a load"),
        (Convolution((1, 2, 8, 4), 4200, (2, 1)).model(), "too far for a store"),
        (depthwise((1, 9, 9, 8), (3, 3), dilation=(1, 1)), "planes"),
    ]
    for other, message in refused:
        site = site_of(other)
        assert message in TEMPLATE.refusal(site)
        with pytest.raises(ScheduleError, match="conv2d_im2col for conv on cortex-m7"):
            scheduled_kernel(site, Schedule.of("conv2d_im2col", {"pixels": 4, "tile": 2, "unroll": 48}))
    assert "no DSP" in TEMPLATE.refusal(site_of(model, "nucleo-g0b1re"))
    assert default_schedule(site_of(refused[0][0]), 1 << 20) == PORTABLE
