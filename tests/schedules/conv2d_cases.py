"""Convolutions for the templates: random ones within what they accept, and corners."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utvm.model import Array, Model
from utvm.model.fixed_point import quantize_multiplier
from utvm.model.operator_types import Conv2D, Padding, Requantization
from utvm.model.tensor import Tensor, constant
from utvm.operators import rule_of

UNPADDED = Padding()


@dataclass(frozen=True)
class Convolution:
    """The shape of a convolution and its quantization; the rest is random, from `seed`.

    With `halvings`, accumulators are divided by two so many times, as fixed-point networks have it. Few pairs of
    channels can share a word if `lowest`, the lowest weight, is -128.
    """

    image: tuple[int, int, int, int]
    outputs: int
    window: tuple[int, int]
    strides: tuple[int, int] = (1, 1)
    padding: Padding = UNPADDED
    dilation: tuple[int, int] = (1, 1)
    zero_points: tuple[int, int] = (0, 0)
    clamp: tuple[int, int] = (-128, 127)
    scale: float = 1.0
    bias_reach: int = 1000
    halvings: int = 0
    lowest: int = -127
    seed: int = 0
    groups: int = 1

    def model(self) -> Model:
        """The operator alone; its constants have extreme values among them."""
        rng = np.random.default_rng([self.seed, 7])
        channels = self.image[3] // self.groups
        taps = self.window[0] * self.window[1] * channels
        weights = extreme_bytes(rng, (self.outputs, *self.window, channels))
        weights = np.maximum(weights, self.lowest)
        bias = rng.integers(-self.bias_reach, self.bias_reach + 1, self.outputs).astype(np.int32)
        reals = self.scale * 0.02 / np.sqrt(taps) * np.exp(rng.uniform(-1.5, 1.5, self.outputs))
        entries = [quantize_multiplier(float(real)) for real in reals]
        requantization = Requantization(tuple(m for m, _ in entries), tuple(s for _, s in entries))
        if self.halvings:
            requantization = Requantization((1 << (31 - self.halvings),), (0,))
        operator = Conv2D(
            name="conv",
            inputs=("x", "w", "b"),
            outputs=("y",),
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation,
            input_zero_point=self.zero_points[0],
            requantization=requantization,
            output_zero_point=self.zero_points[1],
            clamp=self.clamp,
        )
        inputs = (Tensor("x", self.image, "int8"), constant("w", weights), constant("b", bias))
        (inferred,) = rule_of(operator).infer(operator, inputs)
        tensors = {tensor.name: tensor for tensor in (*inputs, Tensor("y", inferred.shape, inferred.dtype))}
        return Model("conv", tensors, (operator,), ("x",), ("y",))

    def input(self) -> Array:
        """An image of extreme and ordinary values."""
        return extreme_bytes(np.random.default_rng([self.seed, 8]), self.image)


def extreme_bytes(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """int8: uniform, or only a few values with the extremes among them."""
    if rng.random() < 0.7:
        return rng.integers(-128, 128, shape).astype(np.int8)
    return np.asarray(rng.choice(np.array([-128, -127, -1, 0, 1, 127]), shape), dtype=np.int8)


def random_convolution(seed: int) -> Convolution:
    """Any shape, stride, padding, quantization that the strip template takes."""
    rng = np.random.default_rng([seed, 9])
    window = int(rng.choice([1, 1, 2, 3, 3, 4, 5])), int(rng.choice([1, 1, 2, 3, 3, 4, 5]))
    if rng.random() < 0.3:
        window = (1, 1)
    strides = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    padding = Padding(*(int(rng.integers(0, 3)) for _ in range(4))) if rng.random() < 0.6 else UNPADDED
    dilation = (int(rng.choice([1, 1, 2])), 1)
    reach = (window[0] - 1) * dilation[0] + 1, window[1]
    size = [
        max(1, least - before - after) + int(rng.integers(0, 8))
        for least, before, after in zip(
            reach, (padding.top, padding.left), (padding.bottom, padding.right), strict=True
        )
    ]
    zero_points = int(rng.choice([-128, 0, 127, 5])), int(rng.choice([-128, -128, 0, 127, -17]))
    low = int(rng.choice([-128, zero_points[1], max(-128, zero_points[1] - 9)]))
    clamp = (low, int(rng.choice([127, 127, max(low, 40)])))
    return Convolution(
        image=(int(rng.choice([1, 1, 1, 2])), size[0], size[1], int(rng.choice([1, 2, 3, 4, 5, 8, 12, 16, 33]))),
        outputs=int(rng.choice([1, 2, 3, 4, 5, 8, 9])),
        window=window,
        strides=strides,
        padding=padding,
        dilation=dilation,
        zero_points=zero_points,
        clamp=clamp,
        scale=float(rng.choice([0.01, 1.0, 1.0, 1.0, 6.0])),
        bias_reach=int(rng.choice([0, 1000, 100_000])),
        lowest=int(rng.choice([-127, -127, -127, -128])),
        seed=seed,
    )


CORNERS = {
    "one pixel": Convolution((1, 1, 1, 7), 3, (1, 1)),
    "one column": Convolution((1, 9, 1, 3), 4, (3, 1), padding=Padding(1, 1, 0, 0), zero_points=(11, -128)),
    "a row of the window longer than a loop": Convolution((1, 5, 6, 44), 4, (3, 3), padding=Padding(1, 1, 1, 1)),
    "a prime row of the window longer than a loop": Convolution((1, 4, 5, 53), 4, (2, 2), zero_points=(-3, 2)),
    "long flat rows in parts": Convolution((1, 11, 13, 24), 6, (1, 1), zero_points=(0, -128)),
    "flat with many channels": Convolution((1, 3, 5, 260), 4, (1, 1), scale=0.5),
    "odd channels, odd stride": Convolution(
        (1, 8, 9, 3), 6, (3, 3), (1, 3), Padding(1, 1, 1, 1), zero_points=(-128, 0)
    ),
    "a second copy beside padding on the right": Convolution(
        (1, 4, 4, 3), 4, (3, 2), padding=Padding(1, 1, 0, 2), zero_points=(50, 0)
    ),
    "padding alone under some windows": Convolution(
        (1, 3, 3, 4), 2, (2, 2), (1, 1), Padding(3, 3, 3, 3), zero_points=(9, 0)
    ),
    "a window over a skipped image row": Convolution((2, 9, 9, 4), 4, (1, 2), (3, 2), Padding(0, 2, 1, 0)),
    "rows not all used": Convolution((1, 7, 11, 8), 4, (2, 2), (3, 3)),
    "two images, flat": Convolution((2, 3, 3, 5), 7, (1, 1), zero_points=(0, 3)),
    "tiny scale": Convolution((1, 4, 4, 8), 4, (3, 3), scale=1e-6, bias_reach=1 << 27),
    "divided by 512": Convolution((1, 6, 7, 3), 4, (5, 5), padding=Padding(2, 2, 2, 2), halvings=9, zero_points=(0, 3)),
    "one dimension, dilated": Convolution(
        (1, 1, 29, 6), 5, (1, 3), (1, 1), Padding(0, 0, 4, 4), (1, 4), zero_points=(7, -128)
    ),
    "one dimension, dilated, every other step": Convolution(
        (2, 1, 30, 16), 8, (1, 2), (1, 2), Padding(0, 0, 8, 0), (1, 8), zero_points=(-128, 3)
    ),
    "weights of -128": Convolution(
        (1, 7, 9, 5), 13, (3, 3), padding=Padding(1, 1, 1, 1), zero_points=(3, -128), lowest=-128
    ),
    "weights of -128, flat, away from zero": Convolution((1, 5, 7, 100), 20, (1, 1), zero_points=(3, 5), lowest=-128),
    "weights of -128 in a long window": Convolution(
        (1, 5, 6, 44), 12, (3, 3), (2, 2), zero_points=(0, -128), lowest=-128
    ),
    "accumulators beyond 2**23": Convolution((1, 6, 7, 8), 4, (3, 3), scale=1e-3, bias_reach=1 << 26),
    "keyword spotting's first": Convolution(
        (1, 49, 10, 1), 8, (10, 4), (2, 2), Padding(4, 5, 1, 1), zero_points=(83, -128)
    ),
}
