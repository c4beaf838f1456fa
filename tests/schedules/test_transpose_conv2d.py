"""Transposed convolutions by plain ones against the reference, byte for byte, on the cores they are scheduled for."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.schedules.conv2d_cases import extreme_bytes
from tests.schedules.scheduled import Scheduled, assert_equal_on, site_of
from utvm.model import Array, Model
from utvm.model.fixed_point import quantize_multiplier
from utvm.model.operator_types import Requantization, TransposeConv2D
from utvm.model.tensor import Tensor, constant
from utvm.operators import rule_of
from utvm.schedules import Schedule, default_schedule
from utvm.schedules.transpose_conv2d import TransposeConv2DRows
from utvm.session.standalone import Prefer

TOOLCHAINS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]
TEMPLATE = TransposeConv2DRows()
F746 = "stm32f746-disco"


@dataclass(frozen=True)
class Up:
    """Shapes of image [N, H, W, C] and window, strides, crop; the output's size is that of SAME by default."""

    image: tuple[int, int, int, int]
    channels: int
    window: tuple[int, int]
    strides: tuple[int, int] = (2, 2)
    crop: tuple[int, int] = (0, 0)
    size: tuple[int, int] | None = None
    zero_points: tuple[int, int] = (-128, -128)
    clamp: tuple[int, int] = (-128, 127)
    per_channel: bool = True

    def model(self) -> Model:
        """The operator alone; its weights have extreme values among them, but for -128."""
        rng = np.random.default_rng([*self.image, self.channels, *self.window])
        weights = np.maximum(extreme_bytes(rng, (self.channels, *self.window, self.image[3])), -127)
        bias = rng.integers(-2000, 2000, self.channels).astype(np.int32)
        count = self.channels if self.per_channel else 1
        scales = [quantize_multiplier(float(real)) for real in 0.02 * np.exp(rng.uniform(-1, 1, count))]
        operator = TransposeConv2D(
            name="up",
            inputs=("x", "w", "b"),
            outputs=("y",),
            size=self.size or (self.image[1] * self.strides[0], self.image[2] * self.strides[1]),
            strides=self.strides,
            crop=self.crop,
            input_zero_point=self.zero_points[0],
            requantization=Requantization(tuple(m for m, _ in scales), tuple(s for _, s in scales)),
            output_zero_point=self.zero_points[1],
            clamp=self.clamp,
        )
        inputs = (Tensor("x", self.image, "int8"), constant("w", weights), constant("b", bias))
        (inferred,) = rule_of(operator).infer(operator, inputs)
        tensors = {tensor.name: tensor for tensor in (*inputs, Tensor("y", inferred.shape, inferred.dtype))}
        return Model("up", tensors, (operator,), ("x",), ("y",))

    def input(self) -> Array:
        """Extreme and ordinary values."""
        return extreme_bytes(np.random.default_rng([*self.image, 78]), self.image)


CASES = {
    "windows side by side": Up((1, 5, 7, 8), 6, (2, 2)),
    "one row, one column": Up((1, 1, 1, 4), 3, (2, 2), zero_points=(3, -7)),
    "three by three": Up((1, 5, 6, 8), 4, (3, 3), zero_points=(0, 5)),
    "three by three, cropped": Up((1, 5, 6, 8), 4, (3, 3), crop=(1, 1), zero_points=(127, 127)),
    "four by four, cropped": Up((2, 4, 5, 12), 5, (4, 4), crop=(1, 1), zero_points=(-3, 20)),
    "stride 1": Up((1, 5, 6, 4), 7, (3, 3), strides=(1, 1), crop=(1, 1)),
    "stride 3": Up((1, 3, 4, 5), 2, (3, 5), strides=(3, 3), crop=(0, 1), clamp=(-90, 30)),
    "strides that differ": Up((1, 4, 3, 3), 8, (3, 2), strides=(1, 2), crop=(1, 0)),
    "one channel": Up((1, 6, 6, 1), 1, (4, 4), crop=(1, 1)),
    "valid": Up((1, 4, 4, 8), 8, (4, 4), size=(10, 10)),
    "a scale for all": Up((1, 5, 5, 8), 16, (2, 2), per_channel=False, zero_points=(-128, 4)),
    "fewer rows than strides": Up((1, 4, 4, 8), 8, (3, 3), size=(7, 8)),
}


def scheduled(name: str, case: Up, board: str = F746) -> Scheduled:
    """The case under the template's schedule."""
    assert TEMPLATE.refusal(site_of(case.model(), board)) == "", name
    return Scheduled(case.model(), {"x": case.input()}, Schedule(TEMPLATE.name), name)


@pytest.mark.parametrize("prefer", TOOLCHAINS)
def test_cases(prefer: Prefer) -> None:
    assert_equal_on(F746, [scheduled(name, case) for name, case in CASES.items()], prefer)


@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "nucleo-u575zi-q"])
def test_other_cores(board: str) -> None:
    assert_equal_on(board, [scheduled(name, case, board) for name, case in CASES.items()], "zig")


def test_is_the_default() -> None:
    site = site_of(CASES["four by four, cropped"].model())
    assert default_schedule(site, 1 << 20).template == TEMPLATE.name
    assert default_schedule(site, 0).template == "portable"


def test_refusals_say_why() -> None:
    refused = [
        (Up((1, 4, 4, 8), 8, (3, 3), size=(9, 9)), "9 columns"),
        (Up((1, 4, 4, 8), 8, (1, 2)), "no input row reaches"),
        (Up((1, 4, 6, 8), 8, (2, 2), crop=(0, 4), size=(8, 8)), "cropped"),
    ]
    for case, message in refused:
        assert message in TEMPLATE.refusal(site_of(case.model()))
    model = CASES["stride 1"].model()
    unknown = replace(model, tensors={**model.tensors, "w": replace(model.tensors["w"], data=None)})
    assert "not constants" in TEMPLATE.refusal(site_of(unknown))
    assert TEMPLATE.refusal(site_of(model, "nucleo-g0b1re"))
