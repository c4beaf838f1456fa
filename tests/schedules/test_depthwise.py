"""Depthwise convolutions on planes against the reference, byte for byte, on the cores they are scheduled for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.schedules.conv2d_cases import extreme_bytes
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.errors import ScheduleError
from utvm.microkernels.conv import ChannelRanges, channel_ranges, common_shift
from utvm.microkernels.depthwise import depthwise_records, record_words
from utvm.model import Array, Model
from utvm.model.fixed_point import finish, quantize_multiplier, requantize
from utvm.model.operator_types import DepthwiseConv2D, Padding, Requantization
from utvm.model.tensor import Tensor, constant
from utvm.operators import rule_of
from utvm.operators.kernel import CKernel
from utvm.schedules import Schedule, candidates, default_schedule, scheduled_kernel
from utvm.schedules.depthwise import DepthwisePlanes
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = DepthwisePlanes()
F746 = "stm32f746-disco"
SAME = Padding(1, 1, 1, 1)
SAME_AFTER_STRIDE = Padding(0, 1, 0, 1)
UNPADDED = Padding()


@dataclass(frozen=True)
class Depthwise:
    """The shape of a depthwise convolution and its quantization; the rest is random, from `seed`.

    With `halvings`, accumulators are divided by two so many times, halves up.
    """

    image: tuple[int, int, int, int]
    window: tuple[int, int] = (3, 3)
    strides: tuple[int, int] = (1, 1)
    padding: Padding = SAME
    multiplier: int = 1
    zero_points: tuple[int, int] = (-128, -128)
    clamp: tuple[int, int] = (-128, 127)
    scale: float = 1.0
    spread: float = 1.5
    bias_reach: int = 1000
    halvings: int = 0
    seed: int = 0

    def model(self) -> Model:
        """The operator alone; its constants have extreme values among them."""
        rng = np.random.default_rng([self.seed, 17])
        outputs = self.image[3] * self.multiplier
        weights = extreme_bytes(rng, (1, *self.window, outputs))
        bias = rng.integers(-self.bias_reach, self.bias_reach + 1, outputs).astype(np.int32)
        reals = self.scale * 0.005 * np.exp(rng.uniform(-self.spread, self.spread, outputs))
        entries = [quantize_multiplier(float(real)) for real in reals]
        requantization = Requantization(tuple(m for m, _ in entries), tuple(s for _, s in entries))
        if self.halvings:
            requantization = Requantization((1 << (31 - self.halvings),), (0,))
        operator = DepthwiseConv2D(
            name="depthwise",
            inputs=("x", "w", "b"),
            outputs=("y",),
            strides=self.strides,
            padding=self.padding,
            dilation=(1, 1),
            depth_multiplier=self.multiplier,
            input_zero_point=self.zero_points[0],
            requantization=requantization,
            output_zero_point=self.zero_points[1],
            clamp=self.clamp,
        )
        inputs = (Tensor("x", self.image, "int8"), constant("w", weights), constant("b", bias))
        (inferred,) = rule_of(operator).infer(operator, inputs)
        tensors = {tensor.name: tensor for tensor in (*inputs, Tensor("y", inferred.shape, inferred.dtype))}
        return Model("depthwise", tensors, (operator,), ("x",), ("y",))

    def input(self) -> Array:
        """An image of extreme and ordinary values."""
        return extreme_bytes(np.random.default_rng([self.seed, 18]), self.image)


CORNERS = {
    "divided by 128": Depthwise((1, 7, 6, 3), halvings=7, zero_points=(0, 0)),
    "48 wide: rows in rounds of three tiles": Depthwise((1, 5, 48, 4)),
    "stride 2, 48 wide": Depthwise((1, 9, 96, 4), strides=(2, 2), padding=SAME_AFTER_STRIDE),
    "rounds of two tiles": Depthwise((1, 3, 32, 4), zero_points=(3, -20)),
    "rounds of one tile, one left over": Depthwise((1, 3, 29, 4)),
    "three left over": Depthwise((1, 4, 7, 8), zero_points=(127, 5)),
    "two left over": Depthwise((1, 6, 6, 8)),
    "keyword spotting's, tall": Depthwise((1, 25, 5, 8)),
    "one pixel": Depthwise((1, 1, 1, 4)),
    "one column": Depthwise((1, 9, 1, 4), zero_points=(7, 9)),
    "one row": Depthwise((1, 1, 9, 4), strides=(1, 2)),
    "no channel in a word": Depthwise((1, 6, 7, 3)),
    "channels left over": Depthwise((1, 6, 7, 7), zero_points=(-5, -128)),
    "several outputs per channel": Depthwise((1, 6, 7, 6), multiplier=3, zero_points=(0, 11)),
    "two images, narrow range": Depthwise((2, 5, 6, 5), zero_points=(0, 3), clamp=(3, 40)),
    "range below zero": Depthwise((1, 5, 6, 4), zero_points=(0, 3), clamp=(-100, -20)),
    "valid, the last column unused": Depthwise((1, 8, 8, 4), strides=(2, 2), padding=UNPADDED),
    "mixed strides": Depthwise((1, 9, 8, 4), strides=(3, 2)),
    "small window": Depthwise((1, 5, 6, 4), window=(2, 1), padding=Padding(0, 1, 0, 0)),
    "one tap": Depthwise((1, 5, 6, 4), window=(1, 1), padding=UNPADDED),
    "512 channels": Depthwise((1, 2, 13, 512)),
    "1360 channels": Depthwise((1, 1, 11, 1360)),
    "two of padding": Depthwise((1, 3, 3, 4), padding=Padding(2, 2, 2, 2), zero_points=(19, -7)),
    "bands": Depthwise((1, 13, 9, 8), strides=(2, 1), zero_points=(7, -128)),
    "one scale for all": Depthwise((1, 6, 8, 8), spread=0.0),
    "scales that share no shift": Depthwise((1, 6, 8, 32), scale=0.02, spread=6.0),
    "scales of a quarter": Depthwise((1, 6, 8, 8), scale=50.0, spread=0.3),
    "vanishing scales": Depthwise((1, 5, 6, 8), scale=1e-7, bias_reach=1 << 20),
    "five by five": Depthwise((1, 9, 13, 8), window=(5, 5), padding=Padding(2, 2, 2, 2), zero_points=(3, -128)),
    "five by five, stride 2, channels left over": Depthwise(
        (1, 11, 14, 7), window=(5, 5), strides=(2, 2), padding=Padding(1, 2, 1, 2), zero_points=(-7, 5)
    ),
    "seven by seven": Depthwise((1, 10, 9, 4), window=(7, 7), padding=Padding(3, 3, 3, 3), zero_points=(-128, -128)),
    "seven by seven, stride 2": Depthwise((1, 15, 17, 4), window=(7, 7), strides=(2, 2), padding=Padding(3, 3, 3, 3)),
    "one row of seven": Depthwise((1, 3, 21, 4), window=(1, 7), padding=Padding(0, 0, 3, 3), zero_points=(9, -9)),
    "one column of seven": Depthwise((1, 21, 3, 4), window=(7, 1), padding=Padding(3, 3, 0, 0), zero_points=(9, -9)),
    "four by six, twice the channels": Depthwise(
        (1, 9, 9, 5), window=(4, 6), padding=Padding(1, 2, 2, 3), multiplier=2
    ),
    "five by three": Depthwise((2, 9, 8, 4), window=(5, 3), padding=Padding(2, 2, 1, 1), clamp=(-20, 90)),
    "large scales": Depthwise((1, 5, 6, 8), scale=20.0, zero_points=(5, 5)),
}


def scheduled(name: str, case: Depthwise, board: str = F746) -> list[Scheduled]:
    """The case under each legal schedule."""
    model = case.model()
    site = site_of(model, board)
    assert TEMPLATE.refusal(site) == "", name
    found = [schedule for schedule in candidates(site) if schedule.template == TEMPLATE.name]
    return [Scheduled(model, {"x": case.input()}, schedule, name) for schedule in found]


def random_case(seed: int) -> Depthwise:
    rng = np.random.default_rng([seed, 19])
    window = int(rng.choice([1, 2, 3, 3, 5])), int(rng.choice([1, 2, 3, 3, 4, 7]))
    padding = Padding(*(int(rng.integers(0, window[side // 2])) for side in range(4)))
    size = (
        max(1, window[0] - padding.top - padding.bottom) + int(rng.integers(0, 12)),
        max(1, window[1] - padding.left - padding.right) + int(rng.integers(0, 12)),
    )
    zero_points = int(rng.integers(-128, 128)), int(rng.choice([-128, -128, 0, 127, -17]))
    low = int(rng.choice([-128, zero_points[1], max(-128, zero_points[1] - 9)]))
    return Depthwise(
        image=(1, *size, int(rng.choice([1, 2, 3, 4, 4, 5, 8]))),
        window=window,
        strides=(int(rng.integers(1, 3)), int(rng.integers(1, 3))),
        padding=padding,
        multiplier=int(rng.choice([1, 1, 1, 2])),
        zero_points=zero_points,
        clamp=(low, int(rng.choice([127, 127, max(low, 40)]))),
        scale=float(rng.choice([0.01, 1.0, 1.0, 1.0, 6.0])),
        spread=float(rng.choice([0.5, 1.5, 4.0])),
        bias_reach=int(rng.choice([0, 1000, 100_000])),
        seed=seed,
    )


def random_cases(board: str, count: int) -> list[Scheduled]:
    """Random cases whose scales are below one half, under one of their legal schedules each."""
    found: list[Scheduled] = []
    seed = 0
    while len(found) < count:
        case = random_case(seed)
        seed += 1
        if not TEMPLATE.refusal(site_of(case.model(), board)):
            several = scheduled(f"random {seed - 1}: {case}", case, board)
            found.append(several[seed % len(several)])
    assert seed < 1.3 * count, "too many are refused"
    return found


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_corners_under_every_schedule(prefer: Prefer) -> None:
    assert_equal_on(F746, [each for name, case in CORNERS.items() for each in scheduled(name, case)], prefer)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_random_convolutions(prefer: Prefer) -> None:
    assert_equal_on(F746, random_cases(F746, 50), prefer)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_other_cores(board: str) -> None:
    corners = [scheduled(name, case, board)[0] for name, case in CORNERS.items()]
    assert_equal_on(board, [*corners, *random_cases(board, 12)], "zig")


def test_walks_along_the_longer_side() -> None:
    tall = default_schedule(site_of(CORNERS["keyword spotting's, tall"].model()), 1 << 20)
    assert tall.template == TEMPLATE.name and tall.knob("along") == "columns"
    wide = default_schedule(site_of(CORNERS["48 wide: rows in rounds of three tiles"].model()), 1 << 20)
    assert wide.knob("along") == "rows"


def test_no_template_without_dsp_instructions() -> None:
    site = site_of(CORNERS["one pixel"].model(), "nucleo-g0b1re")
    assert "no DSP" in TEMPLATE.refusal(site)
    assert default_schedule(site, 1 << 20).template == "portable"


def test_scratch_holds_four_planes() -> None:
    site = site_of(Depthwise((1, 25, 5, 64)).model())
    kernel = scheduled_kernel(site, default_schedule(site, 1 << 20))
    assert isinstance(kernel, CKernel)
    (scratch,) = [argument for argument in kernel.arguments if argument.role == "scratch"]
    # A row of a plane is a column of the image: 25 and 2 of padding, filled up to a whole word.
    assert scratch.size_bytes == 4 * 7 * 28 * 2


def changed(case: Depthwise, **changes: object) -> Model:
    model = case.model()
    return replace(model, operators=(replace(model.operators[0], **changes),))  # type: ignore[arg-type]


def test_refusals_say_why() -> None:
    case = Depthwise((1, 6, 6, 4))
    model = case.model()
    operator = model.operators[0]
    assert isinstance(operator, DepthwiseConv2D)
    requantization = operator.requantization
    refused = [
        (changed(case, requantization=replace(requantization, rounding="single")), "rounds single"),
        (changed(case, requantization=Requantization((1 << 30,) * 4, (2,) * 4)), "right shift of -2"),
        (changed(case, dilation=(2, 1)), "dilated"),
        (replace(model, tensors={**model.tensors, "w": Tensor("w", (1, 3, 3, 4), "int8")}), "not constants"),
        (Depthwise((1, 9, 9, 4), window=(8, 3)).model(), "larger than 7x7"),
        (Depthwise((1, 6, 6, 4), padding=Padding(3, 0, 0, 0)).model(), "padding"),
        (Depthwise((1, 6, 6, 4), window=(3, 1), padding=Padding(0, 0, 0, 1)).model(), "padding"),
        (Depthwise((1, 7, 7, 4), strides=(3, 3)).model(), "stride of 3"),
        (Depthwise((1, 4, 5, 2000)).model(), "too far for a store"),
        (Depthwise((1, 1100, 1100, 1)).model(), "too far for a load"),
    ]
    for other, message in refused:
        assert message in TEMPLATE.refusal(site_of(other))


def test_records_hold_weights_in_pairs_and_doubled() -> None:
    case = Depthwise((1, 6, 6, 2), window=(2, 3))
    model = case.model()
    operator = model.operators[0]
    assert isinstance(operator, DepthwiseConv2D)
    weights = model.tensors["w"].data
    assert weights is not None
    bias = np.array([100, -7], dtype=np.int64)
    ranges = channel_ranges(weights.reshape(-1, 2).T, bias)
    records = depthwise_records(weights[0], bias, operator.requantization, -128, ranges, None)
    assert records.shape == (2, record_words((3, 3)))
    halves = records[:, :6].copy().view(np.int16).reshape(2, 3, 2, 2)
    for channel in range(2):
        for row in range(2):
            taps = 2 * weights[0, row, :, channel].astype(np.int16)
            np.testing.assert_array_equal(halves[channel, row], [taps[:2], taps[1:]])
        assert not halves[channel, 2].any()
    np.testing.assert_array_equal(records[:, 6], 2 * bias)


def test_a_common_shift_rounds_as_two_steps_do() -> None:
    rng = np.random.default_rng(11)
    found = 0
    for _ in range(200):
        shifts = tuple(int(shift) for shift in -rng.integers(1, 12, 3))
        multipliers = tuple(int(value) for value in rng.integers(1 << 30, 1 << 31, 3))
        requantization = Requantization(multipliers, shifts)
        sums = rng.integers(-300_000, 300_000, (2000, 3))
        zero_point = int(rng.integers(-128, 100))
        ranges = ChannelRanges(np.full(3, -300_000, np.int64), np.full(3, 299_999, np.int64))
        shift = common_shift(requantization, zero_point, "floor", ranges)
        if shift is None:
            assert max(shifts) - min(shifts) >= 7 or max(-value for value in shifts) > 9
            continue
        found += 1
        weights = np.ones((1, 1, 3), dtype=np.int8)
        records = depthwise_records(weights, np.zeros(3, np.int64), requantization, zero_point, ranges, shift)
        scaled = sums * (records[:, 0] & 0xFFFF)
        got = ((scaled * records[:, 7].astype(np.int64) >> 32) + records[:, 8]) >> shift
        expected = finish(requantize(sums, requantization), zero_point, (zero_point, 127))
        np.testing.assert_array_equal(np.clip(got, zero_point, 127), expected)
    assert found > 50


def test_bands_bound_the_scratch() -> None:
    site = site_of(Depthwise((1, 48, 48, 16), strides=(2, 2), padding=SAME_AFTER_STRIDE).model())
    image, output = site.inputs[0].size_bytes, site.outputs[0].size_bytes
    sizes = {}
    for schedule in candidates(site):
        if schedule.template == TEMPLATE.name and schedule.knob("along") == "rows":
            kernel = scheduled_kernel(site, schedule)
            sizes[schedule.knob("bands")] = sum(argument.size_bytes for argument in kernel.arguments)
    assert sizes[default_schedule(site, 1 << 20).knob("bands")] <= (image + output) // 4 < sizes[1]
    assert sizes[12] < sizes[2] / 3


def test_more_bands_than_rows_are_no_schedule() -> None:
    site = site_of(Depthwise((1, 2, 9, 4)).model())
    bands = [schedule.knob("bands") for schedule in candidates(site) if schedule.template == TEMPLATE.name]
    assert max(int(count) for count in bands) <= 9
    with pytest.raises(ScheduleError, match="bands = 3: there are 2 rows"):
        scheduled_kernel(site, Schedule.of(TEMPLATE.name, {"along": "rows", "bands": 3}))
