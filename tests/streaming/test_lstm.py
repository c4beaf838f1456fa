"""UNIDIRECTIONAL_SEQUENCE_LSTM over many runs, against LiteRT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.importers.damage import refusal
from tests.kernels.host import SANITIZERS
from tests.litert import ModelBuilder
from tests.operators.cases import int8_array, scale, zero_point
from tests.streaming.lstm_models import Layer, keyword_lstm, lstm_model
from tests.streaming.sequences import Fed, compare_kernels, compare_sequence, compare_sequences
from utvm.errors import ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model import Tensor, constant
from utvm.model.operator_types import UnidirectionalLSTM
from utvm.operators import rule_of

RUNS = 10


def _case(seed: int) -> Fed:
    rng = np.random.default_rng(seed)
    layer = Layer(
        cells=int(rng.integers(1, 12)),
        time_major=bool(rng.random() < 0.5),
        coupled=bool(rng.random() < 0.3),
        weight_scale=scale(rng, 1e-4, 0.1),
        recurrent_scale=scale(rng, 1e-4, 0.1),
        hidden_scale=scale(rng, 1 / 256, 1 / 64),
        hidden_zero_point=zero_point(rng),
        state_zero_point=zero_point(rng),
        cell_exponent=int(rng.integers(-15, -8)),
        cell_clip=float(rng.choice([0.0, 0.0, 0.3, 1.7, 100.0])),
    )
    batch, steps, depth = (int(extent) for extent in rng.integers(1, 5, 3))
    model = lstm_model(layer, batch, steps, depth, seed, scale(rng, 1e-2, 0.3), zero_point(rng))
    shape = (steps, batch, depth) if layer.time_major else (batch, steps, depth)
    return Fed(model, tuple((int8_array(rng, shape),) for _ in range(RUNS)), f"seed {seed}: {layer}, {shape}")


def test_equals_litert_over_many_runs() -> None:
    compare_sequences([_case(seed) for seed in range(80)], at_least=80)


@pytest.mark.parametrize("exponent", range(-15, -8))
def test_every_value_of_gates_and_cell(exponent: int) -> None:
    """Weights and inputs so that sums go through the whole of 16 bits, in cells of every number of integer bits."""
    rng = np.random.default_rng(exponent + 100)
    layer = Layer(64, weight_scale=0.02, recurrent_scale=0.02, hidden_scale=1 / 200, cell_exponent=exponent)
    model = lstm_model(layer, 1, 8, 8, exponent + 100, 0.05, -3)
    case = Fed(model, tuple((int8_array(rng, (1, 8, 8)),) for _ in range(12)), f"exponent {exponent}")
    agreed = compare_sequence(case)
    assert agreed is not None
    compare_kernels([agreed], ("-O2",))


def test_under_sanitizers() -> None:
    """Full scale everywhere: sums saturate on both ends."""
    layer = Layer(6, weight_scale=1.0, recurrent_scale=1.0, hidden_scale=1 / 255, hidden_zero_point=127)
    rng = np.random.default_rng(0)
    fed = tuple((int8_array(rng, (2, 2, 6)),) for _ in range(RUNS))
    agreed = compare_sequence(Fed(lstm_model(layer, 2, 2, scale=1.0), fed, "full scale"))
    assert agreed is not None
    compare_kernels([agreed], ("-O1", *SANITIZERS))


def test_a_keyword_spotter_over_twenty_steps() -> None:
    rng = np.random.default_rng(3)
    case = Fed(keyword_lstm(), tuple((int8_array(rng, (1, 1, 16)),) for _ in range(20)), "keywords")
    agreed = compare_sequence(case, reset_before=(9,))
    assert agreed is not None
    assert len({outputs["words"].tobytes() for outputs in agreed.outputs}) > 10
    continued = compare_sequence(case)
    assert continued is not None
    compare_kernels([continued], ("-O2",))


def test_a_sequence_at_once_is_the_same_as_step_by_step() -> None:
    layer, rng = Layer(7), np.random.default_rng(5)
    x = int8_array(rng, (1, 9, 6))
    whole = compare_sequence(Fed(lstm_model(layer, 1, 9), ((x,),)))
    steps = compare_sequence(Fed(lstm_model(layer, 1, 1), tuple((x[:, [step]],) for step in range(9))))
    assert whole is not None and steps is not None
    joined = np.concatenate([outputs["lstm_out"] for outputs in steps.outputs], axis=1)
    np.testing.assert_array_equal(joined, whole.outputs[0]["lstm_out"])


def _altered(change: Callable[[ModelBuilder], None]) -> bytes:
    """A model of one layer, its operator or tensors changed before it is written."""
    from tests.streaming.lstm_models import add_lstm

    builder = ModelBuilder()
    x = builder.input("x", (1, 2, 6), scale=0.05)
    builder.output(add_lstm(builder, x, Layer(4), np.random.default_rng(0), 0.05))
    change(builder)
    return builder.finish()


def _with_input(index: int, tensor: int) -> Callable[[ModelBuilder], None]:
    def change(builder: ModelBuilder) -> None:
        (operator,) = builder._operators
        inputs = list(operator.inputs)
        inputs[index] = tensor
        builder._operators[0] = replace(operator, inputs=tuple(inputs))

    return change


@pytest.mark.parametrize(
    ("index", "what"),
    [(9, "a peephole"), (16, "a projection"), (20, "layer normalization"), (23, "layer normalization")],
)
def test_what_is_missing_is_named(index: int, what: str) -> None:
    def change(builder: ModelBuilder) -> None:
        _with_input(index, builder.constant("more", np.zeros(4, np.int16), scale=0.1).index)(builder)

    with pytest.raises(UnsupportedModelError, match=rf"{what}.* \(input {index}\) is not supported"):
        import_tflite(_altered(change), "m")


def test_files_that_make_no_sense() -> None:
    assert "input 18 (x) is not a variable tensor, which keeps state" in refusal(_altered(_with_input(18, 0)))
    assert "input 19 is missing" in refusal(_altered(_with_input(19, -1)))
    assert "input 2 is missing" in refusal(_altered(_with_input(2, -1)))
    assert "without input weights" in refusal(_altered(_with_input(1, -1)))

    def without_intermediates(builder: ModelBuilder) -> None:
        builder._operators[0] = replace(builder._operators[0], intermediates=())

    assert "does not say how its intermediate value 4 is quantized" in refusal(_altered(without_intermediates))

    def short_state(builder: ModelBuilder) -> None:
        short = builder.variable("short", (1, 3), "int16", scale=2.0**-11)
        _with_input(19, short.index)(builder)

    assert "is not shaped like short" in refusal(_altered(short_state))


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (Layer(4, cell_exponent=-8), r"scale of 2\*\*-8 is not supported"),
        (Layer(4, cell_exponent=-16), r"scale of 2\*\*-16 is not supported"),
        (Layer(4, cell_clip=-1.0), "cell clip of -1.0 is not supported"),
        (Layer(4, cell_clip=float("nan")), "cell clip of nan is not supported"),
    ],
)
def test_numbers_that_are_not_supported(layer: Layer, reason: str) -> None:
    with pytest.raises(UnsupportedModelError, match=reason):
        import_tflite(lstm_model(layer), "m")


def test_infer_names_what_is_wrong() -> None:
    model = import_tflite(lstm_model(Layer(4), 2, 3), "m")
    (operator,) = model.operators
    assert isinstance(operator, UnidirectionalLSTM)
    tensors = model.input_tensors(operator)
    rule = rule_of(operator)
    rule.infer(operator, tensors)

    def with_tensor(index: int, tensor: Tensor) -> tuple[Tensor, ...]:
        return (*tensors[:index], tensor, *tensors[index + 1 :])

    bias = constant("bias", np.full(4, 2**31 - 1, np.int32))
    wrong = [
        (replace(operator, gates=operator.gates[:2]), tensors, "has 2 gates"),
        (operator, tensors[:-1], "takes 19 inputs"),
        (replace(operator, outputs=operator.outputs[:1]), tensors, "has 3 outputs"),
        (operator, with_tensor(0, replace(tensors[0], dtype="int16")), "must be int8"),
        (operator, with_tensor(0, replace(tensors[0], shape=(2, 18))), "must have 3 axes"),
        (operator, with_tensor(1, replace(tensors[1], shape=(2, 5))), "is not shaped like"),
        (operator, with_tensor(2, replace(tensors[2], shape=(3, 4))), "not that of the batch"),
        (operator, with_tensor(3, Tensor("w", (4, 5), "int8")), r"of gate forget should have \[4, 6\]"),
        (operator, with_tensor(5, bias), "int32 accumulator does not hold"),
        (replace(operator, cell_bits=7), tensors, "7 integer bits"),
        (replace(operator, cell_clip=1 << 15), tensors, "exceeds 16 bits"),
        (replace(operator, hidden_zero_point=128), tensors, "outside -128"),
    ]
    for candidate, given, message in wrong:
        with pytest.raises(ModelError, match=message):
            rule.infer(candidate, given)
