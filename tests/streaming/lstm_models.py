"""Models with an LSTM layer, as the TFLite converter writes Keras' LSTM in int8."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.litert import ModelBuilder, TensorHandle


@dataclass(frozen=True)
class Layer:
    """Sizes of an LSTM layer, and the scales and zero points that its numbers have."""

    cells: int
    time_major: bool = False
    coupled: bool = False
    weight_scale: float = 0.01
    recurrent_scale: float = 0.012
    hidden_scale: float = 1 / 128
    hidden_zero_point: int = 0
    state_zero_point: int = 0
    cell_exponent: int = -11
    cell_clip: float = 0.0


def add_lstm(
    builder: ModelBuilder, x: TensorHandle, layer: Layer, random: np.random.Generator, x_scale: float
) -> TensorHandle:
    """An LSTM layer with random weights over x [N, T, K] or [T, N, K]; its output."""
    cells, depth = layer.cells, x.shape[2]
    batch = x.shape[1 if layer.time_major else 0]
    gates = ("input", "forget", "cell", "output")

    def weights(name: str, inner: int, scale: float) -> list[TensorHandle | None]:
        return [
            None
            if layer.coupled and gate == "input"
            else builder.constant(
                f"{name}_{gate}", random.integers(-127, 128, (cells, inner), dtype=np.int8), scale=scale
            )
            for gate in gates
        ]

    biases = [
        None
        if layer.coupled and gate == "input"
        else builder.constant(
            f"bias_{gate}", random.integers(-2000, 2000, cells, dtype=np.int32), scale=x_scale * layer.weight_scale
        )
        for gate in gates
    ]
    states = [
        builder.variable("output_state", (batch, cells), scale=layer.hidden_scale, zero_point=layer.state_zero_point),
        builder.variable("cell_state", (batch, cells), "int16", scale=2.0**layer.cell_exponent),
    ]
    intermediates = [builder.tensor(f"intermediate_{index}", (), "int16", scale=2.0**-12) for index in range(4)]
    intermediates.append(builder.tensor("hidden", (), scale=layer.hidden_scale, zero_point=layer.hidden_zero_point))
    y = builder.tensor("lstm_out", (*x.shape[:2], cells), scale=layer.hidden_scale, zero_point=layer.hidden_zero_point)
    matrices = [*weights("w", depth, layer.weight_scale), *weights("r", cells, layer.recurrent_scale)]
    builder.operator(
        "UNIDIRECTIONAL_SEQUENCE_LSTM",
        [x, *matrices, None, None, None, *biases, None, None, *states, None, None, None, None],
        [y],
        {"FusedActivationFunction": "TANH", "TimeMajor": layer.time_major, "CellClip": layer.cell_clip},
        version=3,
        intermediates=intermediates,
    )
    return y


def lstm_model(
    layer: Layer,
    batch: int = 1,
    steps: int = 1,
    depth: int = 6,
    seed: int = 0,
    scale: float = 0.05,
    zero_point: int = 3,
) -> bytes:
    """One layer alone."""
    builder = ModelBuilder()
    shape = (steps, batch, depth) if layer.time_major else (batch, steps, depth)
    x = builder.input("x", shape, scale=scale, zero_point=zero_point)
    builder.output(add_lstm(builder, x, layer, np.random.default_rng(seed), scale))
    return builder.finish()


def keyword_lstm(seed: int = 0, features: int = 16, words: int = 6) -> bytes:
    """A keyword spotter in small: an LSTM that is fed a frame at a time, then a softmax over the words."""
    random = np.random.default_rng(seed)
    builder = ModelBuilder()
    x = builder.input("features", (1, 1, features), scale=0.05, zero_point=-10)
    hidden = add_lstm(builder, x, Layer(20, hidden_zero_point=0, state_zero_point=0), random, 0.05)
    flat = builder.tensor("flat", (1, 20), scale=1 / 128)
    builder.operator("RESHAPE", [hidden, builder.constant("shape", np.array([1, 20], np.int32))], [flat])
    weights = builder.constant("w", random.integers(-127, 128, (words, 20), dtype=np.int8), scale=0.02)
    scores = builder.tensor("scores", (1, words), scale=0.1)
    builder.operator("FULLY_CONNECTED", [flat, weights, None], [scores])
    y = builder.tensor("words", (1, words), scale=1 / 256, zero_point=-128)
    builder.operator("SOFTMAX", [scores], [y], {"Beta": 1.0})
    builder.output(y)
    return builder.finish()
