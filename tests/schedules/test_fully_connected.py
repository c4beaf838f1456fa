"""Fully connected layers by dot products against the reference, byte for byte, on the cores they are scheduled for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.schedules.conv2d_cases import extreme_bytes
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.microkernels.conv import channel_ranges
from utvm.microkernels.fully_connected import QUAD_ORDER, dot_biases, dot_scales, dot_weights, scales_refusal
from utvm.model import Array, Model
from utvm.model.fixed_point import multiply_single_rounding
from utvm.model.operator_types import FullyConnected, Requantization
from utvm.model.single_rounding import single_rounding
from utvm.model.tensor import Tensor, constant
from utvm.operators import rule_of
from utvm.schedules import Schedule, default_schedule
from utvm.schedules.fully_connected import FullyConnectedDot
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = FullyConnectedDot()
F746 = "stm32f746-disco"


@dataclass(frozen=True)
class Layer:
    """The shape of a layer and its quantization; the rest is random, from `seed`.

    With `halvings`, sums are divided by two so many times, halves up, as fixed-point networks have it.
    """

    rows: int
    depth: int
    units: int
    zero_points: tuple[int, int] = (0, -128)
    clamp: tuple[int, int] = (-128, 127)
    per_channel: bool = False
    scale: float = 1.0
    bias_reach: int = 1000
    halvings: int = 0
    seed: int = 0

    def model(self) -> Model:
        """The operator alone; its constants have extreme values among them, but for -128."""
        rng = np.random.default_rng([self.seed, 27])
        weights = np.maximum(extreme_bytes(rng, (self.units, self.depth)), -127)
        bias = rng.integers(-self.bias_reach, self.bias_reach + 1, self.units).astype(np.int32)
        reals = self.scale * 0.02 / np.sqrt(self.depth) * np.exp(rng.uniform(-1.5, 1.5, self.units))
        requantization = single_rounding([float(real) for real in reals[: None if self.per_channel else 1]])
        if self.halvings:
            requantization = Requantization((1 << (31 - self.halvings),), (0,))
        operator = FullyConnected(
            name="dense",
            inputs=("x", "w", "b"),
            outputs=("y",),
            input_zero_point=self.zero_points[0],
            weights_zero_point=0,
            requantization=requantization,
            output_zero_point=self.zero_points[1],
            clamp=self.clamp,
        )
        inputs = (Tensor("x", (self.rows, self.depth), "int8"), constant("w", weights), constant("b", bias))
        (inferred,) = rule_of(operator).infer(operator, inputs)
        tensors = {tensor.name: tensor for tensor in (*inputs, Tensor("y", inferred.shape, inferred.dtype))}
        return Model("dense", tensors, (operator,), ("x",), ("y",))

    def input(self) -> Array:
        """Rows of extreme and ordinary values."""
        return extreme_bytes(np.random.default_rng([self.seed, 28]), (self.rows, self.depth))


CORNERS = {
    "one weight": Layer(1, 1, 1),
    "one output": Layer(1, 100, 1, zero_points=(5, 7)),
    "two outputs": Layer(1, 256, 2, zero_points=(0, -5)),
    "an odd number of outputs": Layer(1, 64, 13, zero_points=(-128, 14)),
    "eight outputs": Layer(1, 128, 8),
    "depth of one quad": Layer(1, 4, 16),
    "depth of eight": Layer(1, 8, 24, zero_points=(-128, -128)),
    "depth that fills no quad": Layer(1, 37, 11, zero_points=(127, 127)),
    "rows": Layer(3, 20, 9, zero_points=(3, 0)),
    "rows that are not words": Layer(3, 7, 9, clamp=(-7, 20)),
    "a scale per output": Layer(2, 40, 21, per_channel=True, zero_points=(1, 2)),
    "a scale per output, eight": Layer(1, 40, 16, per_channel=True),
    "range below zero": Layer(1, 33, 17, clamp=(-90, -30)),
    "small scales": Layer(1, 64, 10, scale=0.004, bias_reach=100_000),
    "divided by 32": Layer(1, 64, 10, halvings=5, zero_points=(0, 0)),
    "large scales": Layer(1, 16, 10, scale=60.0, zero_points=(0, 0)),
}


def scheduled(name: str, case: Layer, board: str = F746) -> Scheduled:
    """The case under the template's schedule."""
    model = case.model()
    site = site_of(model, board)
    assert TEMPLATE.refusal(site) == "", name
    return Scheduled(model, {"x": case.input()}, Schedule(TEMPLATE.name), name)


def random_case(seed: int) -> Layer:
    rng = np.random.default_rng([seed, 29])
    zero_points = int(rng.integers(-128, 128)), int(rng.integers(-128, 128))
    low = int(rng.choice([-128, -128, zero_points[1]]))
    return Layer(
        rows=int(rng.choice([1, 1, 1, 2])),
        depth=int(rng.integers(1, 150)),
        units=int(rng.integers(1, 27)),
        zero_points=zero_points,
        clamp=(low, int(rng.choice([127, max(low, 40)]))),
        per_channel=bool(rng.random() < 0.3),
        scale=float(rng.choice([0.05, 1.0, 1.0, 5.0])),
        bias_reach=int(rng.choice([0, 1000, 100_000])),
        seed=seed,
    )


def random_cases(board: str, count: int) -> list[Scheduled]:
    """Random layers, without the few whose scale no 31 bits hold."""
    found: list[Scheduled] = []
    seed = 0
    while len(found) < count:
        case = random_case(seed)
        seed += 1
        if not TEMPLATE.refusal(site_of(case.model(), board)):
            found.append(scheduled(f"random {seed - 1}: {case}", case, board))
    assert seed < 1.2 * count, "too many are refused"
    return found


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_corners(prefer: Prefer) -> None:
    assert_equal_on(F746, [scheduled(name, case) for name, case in CORNERS.items()], prefer)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_random_layers(prefer: Prefer) -> None:
    assert_equal_on(F746, random_cases(F746, 60), prefer)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_other_cores(board: str) -> None:
    corners = [scheduled(name, case, board) for name, case in CORNERS.items()]
    assert_equal_on(board, [*corners, *random_cases(board, 12)], "zig")


def test_is_the_default_where_it_pays() -> None:
    for name in ("two outputs", "eight outputs", "an odd number of outputs"):
        assert default_schedule(site_of(CORNERS[name].model()), 1 << 20).template == TEMPLATE.name


def with_operator(case: Layer, **changes: object) -> Model:
    model = case.model()
    return replace(model, operators=(replace(model.operators[0], **changes),))  # type: ignore[arg-type]


def with_weights(case: Layer, weights: Array) -> Model:
    model = case.model()
    return replace(model, tensors={**model.tensors, "w": constant("w", weights)})


def test_refusals_say_why() -> None:
    case = Layer(1, 640, 4, zero_points=(0, 0))
    packed = np.ones((4, 640), dtype=np.int8)
    packed[0, 0], packed[1, 0] = -1, -128
    single = Requantization((1 << 30,), (-8,), "single")
    refused = [
        (with_operator(case, requantization=Requantization((1 << 30,), (-5,))), "rounds double"),
        (with_operator(case, weights_zero_point=3), "zero point is 3"),
        (with_weights(case, np.full((4, 640), 127, dtype=np.int8)), "reach 2**23"),
        (with_weights(case, packed), "weight of -128"),
        (with_operator(case, requantization=single), "halves"),
        (with_operator(case, requantization=Requantization(((1 << 30) + 1,), (-20,), "single")), "would be needed"),
        (with_operator(case, requantization=Requantization(((1 << 30) + 1,), (8,), "single")), "would be needed"),
    ]
    for model, message in refused:
        assert message in TEMPLATE.refusal(site_of(model))
    assert "no DSP" in TEMPLATE.refusal(site_of(case.model(), "nucleo-g0b1re"))


def test_scales_are_exact_wherever_they_are_accepted() -> None:
    rng = np.random.default_rng(4)
    accepted = 0
    for _ in range(300):
        bits = int(rng.integers(0, 31))
        multiplier = (1 << 30) | (int(rng.integers(0, 1 << 30)) >> bits << bits)
        shift, zero_point = int(rng.integers(-14, 6)), int(rng.integers(-128, 128))
        requantization = Requantization((multiplier,), (shift,), "single")
        reach = int(rng.integers(1, 1 << 23))
        sums = np.concatenate([rng.integers(-reach, reach, 500), np.arange(-200, 200).clip(-reach, reach - 1)])
        ranges = channel_ranges(np.zeros((1, 1), np.int8), np.array([0]))
        ranges = replace(ranges, least=np.array([-reach]), greatest=np.array([reach - 1]))
        if scales_refusal(requantization, zero_point, ranges):
            continue
        accepted += 1
        (scale,) = dot_scales(requantization, zero_point).astype(np.int64)
        got = (((256 * sums * scale[0]) >> 32) + scale[1]) >> scale[2]
        np.testing.assert_array_equal(got, multiply_single_rounding(sums, multiplier, shift) + zero_point)
    assert accepted > 100


def test_a_word_multiplies_for_two_rows() -> None:
    rng = np.random.default_rng(6)
    weights, x = rng.integers(-127, 128, (5, 10)).astype(np.int8), rng.integers(-128, 128, 10)
    bias = rng.integers(-99, 99, 5)
    words = dot_weights(weights, 16, 5).reshape(8, 3)
    starts = dot_biases(bias.astype(np.int64), 5).astype(np.int64)
    widened = np.zeros(16, dtype=np.int64)
    widened[:10] = x
    widened = widened.reshape(4, 4)[:, list(QUAD_ORDER)].reshape(-1)
    halves = words.T.copy().view(np.int16).reshape(3, 16).astype(np.int64)
    raw, low = starts[1::2] + halves @ widened, starts[0::2] + halves.astype(np.int8).astype(np.int64) @ widened
    sums = np.stack([low, (raw - low) // 256], axis=1).reshape(-1)[:5]
    np.testing.assert_array_equal(sums, weights.astype(np.int64) @ x + bias)


def test_only_depths_that_fill_no_round_take_scratch_memory() -> None:
    assert TEMPLATE.scratch_bytes(site_of(Layer(1, 640, 16).model()), Schedule(TEMPLATE.name)) == 0
    assert TEMPLATE.scratch_bytes(site_of(Layer(1, 37, 16).model()), Schedule(TEMPLATE.name)) == 40
