"""Models with SVDF layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.litert import ModelBuilder, TensorHandle


@dataclass(frozen=True)
class Layer:
    """Sizes of an SVDF layer, and the scales and zero points that its numbers have."""

    units: int
    rank: int = 1
    memory: int = 8
    feature_scale: float = 0.02
    state_scale: float = 0.004
    time_scale: float = 2.0**-14
    output_scale: float = 0.1
    output_zero_point: int = 0
    bias: bool = True
    largest_time_weight: int = 9000
    least_weight: int = -127


def add_svdf(
    builder: ModelBuilder, x: TensorHandle, layer: Layer, random: np.random.Generator, name: str = "svdf"
) -> TensorHandle:
    """An SVDF layer with random weights; its output."""
    batch, depth = x.shape
    filters = layer.units * layer.rank
    feature = random.integers(layer.least_weight, 128, (filters, depth), dtype=np.int8)
    largest = layer.largest_time_weight
    time = random.integers(-largest, largest + 1, (filters, layer.memory), dtype=np.int16)
    bias = random.integers(-(1 << 22), 1 << 22, layer.units, dtype=np.int32)
    inputs = [
        x,
        builder.constant(f"{name}_feature", feature, scale=layer.feature_scale),
        builder.constant(f"{name}_time", time, scale=layer.time_scale),
        builder.constant(f"{name}_bias", bias, scale=layer.state_scale * layer.time_scale) if layer.bias else None,
        builder.variable(f"{name}_state", (batch, filters * layer.memory), "int16", scale=layer.state_scale),
    ]
    y = builder.tensor(
        f"{name}_out", (batch, layer.units), scale=layer.output_scale, zero_point=layer.output_zero_point
    )
    options = {"Rank": layer.rank, "FusedActivationFunction": "RELU"}
    builder.operator("SVDF", inputs, [y], options, version=3)
    return y


def svdf_model(
    layer: Layer, batch: int = 1, depth: int = 10, seed: int = 0, scale: float = 0.1, zero_point: int = 3
) -> bytes:
    """One layer alone."""
    builder = ModelBuilder()
    x = builder.input("x", (batch, depth), scale=scale, zero_point=zero_point)
    builder.output(add_svdf(builder, x, layer, np.random.default_rng(seed)))
    return builder.finish()


def keyword_svdf(seed: int = 0, features: int = 40, words: int = 12) -> bytes:
    """A keyword spotter in small: two SVDF layers over frames of features, then a softmax over the words."""
    random = np.random.default_rng(seed)
    builder = ModelBuilder()
    x = builder.input("features", (1, features), scale=0.1, zero_point=-128)
    first = Layer(32, 2, 10, feature_scale=0.005, output_scale=0.05, output_zero_point=-128)
    hidden = add_svdf(builder, x, first, random, "first")
    second = Layer(16, 2, 6, feature_scale=0.01, output_scale=0.1, output_zero_point=-20)
    hidden = add_svdf(builder, hidden, second, random, "second")
    weights = builder.constant("w", random.integers(-127, 128, (words, 16), dtype=np.int8), scale=0.02)
    bias = builder.constant("b", random.integers(-900, 900, words, dtype=np.int32), scale=0.002)
    scores = builder.tensor("scores", (1, words), scale=0.2)
    builder.operator("FULLY_CONNECTED", [hidden, weights, bias], [scores])
    y = builder.tensor("words", (1, words), scale=1 / 256, zero_point=-128)
    builder.operator("SOFTMAX", [scores], [y], {"Beta": 1.0})
    builder.output(y)
    return builder.finish()
