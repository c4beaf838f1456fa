"""Random convolutions of all kinds as .tflite models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.litert import ModelBuilder
from tests.operators.cases import Case, int8_array, scale, zero_point

ACTIVATIONS = ["NONE", "NONE", "RELU", "RELU6", "RELU_N1_TO_1"]


@dataclass(frozen=True)
class Window:
    """How a kernel moves over an image."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    dilation: tuple[int, int]
    padding: str

    def options(self) -> dict[str, Any]:
        return {
            "StrideH": self.strides[0],
            "StrideW": self.strides[1],
            "DilationHFactor": self.dilation[0],
            "DilationWFactor": self.dilation[1],
            "Padding": self.padding,
        }

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """As TensorFlow defines it."""
        sizes = []
        for extent, taps, stride, dilation in zip(
            (height, width), self.kernel, self.strides, self.dilation, strict=True
        ):
            reach = (taps - 1) * dilation + 1
            sizes.append(-(-extent // stride) if self.padding == "SAME" else (extent - reach + stride) // stride)
        return sizes[0], sizes[1]


def random_window(rng: np.random.Generator, dilated: bool = True) -> tuple[Window, tuple[int, int]]:
    """A window and the size of an image it fits into."""
    kernel = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    strides = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    dilation = (int(rng.integers(1, 4)), int(rng.integers(1, 4))) if dilated and rng.random() < 0.4 else (1, 1)
    padding = str(rng.choice(["SAME", "VALID"]))
    least = [(taps - 1) * step + 1 if padding == "VALID" else 1 for taps, step in zip(kernel, dilation, strict=True)]
    size = least[0] + int(rng.integers(0, 7)), least[1] + int(rng.integers(0, 7))
    return Window(kernel, strides, dilation, padding), size


@dataclass(frozen=True)
class Layer:
    """The quantized parts that every convolution has."""

    input_scale: float
    weight_scales: Any
    output_scale: float
    bias: Any


def random_layer(rng: np.random.Generator, taps: int, channels: int, needs_bias: bool) -> Layer:
    """Scales per tensor or per channel such that outputs spread over int8, or saturate, or vanish; bias or None."""
    input_scale = scale(rng)
    per_channel = channels > 1 and rng.random() < 0.6
    weight_scales = np.array([scale(rng) for _ in range(channels if per_channel else 1)], dtype=np.float32)
    spread = 60 * np.sqrt(taps) * rng.uniform(0.3, 3) * rng.choice([1 / 256, 1, 1, 1, 256])
    output_scale = float(np.float32(input_scale * float(np.median(weight_scales)) * spread))
    limit = int(rng.choice([100, 1 << 14, 1 << 24]))
    bias = rng.integers(-limit, limit, channels, dtype=np.int32) if needs_bias or rng.random() < 0.7 else None
    return Layer(input_scale, weight_scales, output_scale, bias)


def convolution(
    operator: str,
    image_shape: tuple[int, ...],
    weights_shape: tuple[int, ...],
    output_shape: tuple[int, ...],
    options: dict[str, Any],
    seed: int,
    *,
    channel_axis: int,
    output_shape_first: bool = False,
) -> Case:
    """One operator with random constants and input, all from `seed`."""
    rng = np.random.default_rng([seed, 1])
    channels = weights_shape[channel_axis]
    layer = random_layer(rng, int(np.prod(weights_shape)) // channels, channels, operator == "CONV_2D")
    builder = ModelBuilder()
    x = builder.input("x", image_shape, scale=layer.input_scale, zero_point=zero_point(rng))
    w = builder.constant("w", int8_array(rng, weights_shape), scale=layer.weight_scales, axis=channel_axis)
    b = None
    if layer.bias is not None:
        b = builder.constant("b", layer.bias, scale=layer.input_scale * layer.weight_scales)
    y = builder.tensor("y", output_shape, scale=layer.output_scale, zero_point=zero_point(rng))
    inputs = [x, w, b]
    if output_shape_first:
        inputs = [builder.constant("shape", np.array(output_shape, np.int32)), w, x, b]
    if layer.bias is None and not output_shape_first:
        inputs.pop()
    activation = str(rng.choice(ACTIVATIONS))
    version = 5 if output_shape_first else 6
    builder.operator(operator, inputs, [y], {**options, "FusedActivationFunction": activation}, version=version)
    builder.output(y)
    return Case(builder.finish(), (int8_array(rng, image_shape),), f"{operator} seed {seed}")
