"""SVDF over many runs, against LiteRT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.kernels.host import SANITIZERS
from tests.operators.cases import int8_array, scale, zero_point
from tests.streaming.sequences import Fed, compare_kernels, compare_sequence, compare_sequences
from tests.streaming.svdf_models import Layer, keyword_svdf, svdf_model
from utvm.errors import ModelError
from utvm.importers.tflite import import_tflite
from utvm.model import Tensor
from utvm.model.operator_types import SVDF
from utvm.operators import rule_of

RUNS = 14


def _fed(model: bytes, shape: tuple[int, ...], seed: int, label: str) -> Fed:
    rng = np.random.default_rng(seed)
    return Fed(model, tuple((int8_array(rng, shape),) for _ in range(RUNS)), label)


def _case(seed: int) -> Fed:
    rng = np.random.default_rng(seed)
    layer = Layer(
        units=int(rng.integers(1, 9)),
        rank=int(rng.choice([1, 1, 2, 3])),
        memory=int(rng.choice([1, 2, 5, 10])),
        feature_scale=scale(rng, 1e-3, 0.1),
        state_scale=scale(rng, 1e-4, 0.1),
        time_scale=scale(rng, 1e-5, 1e-3),
        output_scale=scale(rng, 1e-2, 1.0),
        output_zero_point=zero_point(rng),
        bias=bool(rng.random() < 0.7),
        largest_time_weight=int(rng.choice([20, 3000, 32767])),
        least_weight=int(rng.choice([-128, -127])),
    )
    batch, depth = int(rng.integers(1, 4)), int(rng.integers(1, 30))
    model = svdf_model(layer, batch, depth, seed, scale(rng, 1e-2, 0.3), zero_point(rng))
    return _fed(model, (batch, depth), seed, f"seed {seed}: {layer}, batch {batch}, depth {depth}")


def test_equals_litert_over_many_runs() -> None:
    """Among the cases are sums that wrap, as LiteRT's do."""
    compare_sequences([_case(seed) for seed in range(80)], at_least=80)


def test_under_sanitizers() -> None:
    """Full scale everywhere: products saturate, sums wrap."""
    layer = Layer(3, 2, 4, state_scale=1e-5, largest_time_weight=32767)
    agreed = compare_sequence(_fed(svdf_model(layer, 2, 16), (2, 16), 5, "full scale"))
    assert agreed is not None
    compare_kernels([agreed], ("-O1", *SANITIZERS))


def test_a_reset_begins_anew() -> None:
    case = _fed(keyword_svdf(), (1, 40), 7, "keywords")
    agreed = compare_sequence(case, reset_before=(5, 11))
    assert agreed is not None
    first, later = agreed.outputs[0]["words"], agreed.outputs[11]["words"]
    assert not np.array_equal(first, later), "other inputs, other answers"


def test_a_keyword_spotter_over_twenty_steps() -> None:
    rng = np.random.default_rng(3)
    case = Fed(keyword_svdf(), tuple((int8_array(rng, (1, 40)),) for _ in range(20)), "keywords")
    agreed = compare_sequence(case)
    assert agreed is not None
    assert len({outputs["words"].tobytes() for outputs in agreed.outputs}) > 10
    compare_kernels([agreed], ("-O2",))


def test_one_variable_tensor_behind_two_layers() -> None:
    """Nothing forbids it: the second layer goes on with what the first has left."""
    from tests.litert import ModelBuilder
    from tests.streaming.svdf_models import add_svdf

    builder = ModelBuilder()
    random = np.random.default_rng(0)
    x = builder.input("x", (1, 6), scale=0.1)
    first = add_svdf(builder, x, Layer(4), random, "one")
    second = add_svdf(builder, x, Layer(4), random, "two")
    operators = builder._operators
    operators[1] = replace(operators[1], inputs=(*operators[1].inputs[:4], operators[0].inputs[4]))
    builder.output(first)
    builder.output(second)
    agreed = compare_sequence(_fed(builder.finish(), (1, 6), 1, "shared"))
    assert agreed is not None
    assert len(agreed.model.states) == 1
    compare_kernels([agreed])


def test_infer_names_what_is_wrong() -> None:
    model = import_tflite(svdf_model(Layer(4, 2, 5), 2, 6), "m")
    (operator,) = model.operators
    assert isinstance(operator, SVDF)
    tensors = model.input_tensors(operator)
    rule = rule_of(operator)
    rule.infer(operator, tensors)

    def with_tensor(index: int, **changes: object) -> tuple[Tensor, ...]:
        return tuple(
            replace(tensor, **changes, data=None) if at == index else tensor  # type: ignore[arg-type]
            for at, tensor in enumerate(tensors)
        )

    wrong = [
        (operator, tensors[:4], "takes 5 inputs"),
        (replace(operator, outputs=operator.outputs[:1]), tensors, "has 2 outputs"),
        (replace(operator, rank=3), tensors, "do not divide"),
        (replace(operator, rank=0), tensors, "do not divide"),
        (replace(operator, input_zero_point=200), tensors, "outside -128"),
        (operator, with_tensor(0, dtype="int16"), "must be int8"),
        (operator, with_tensor(0, shape=(2, 7)), "meet weights of 6"),
        (operator, with_tensor(2, shape=(9, 5)), "not the time weights"),
        (operator, with_tensor(3, shape=(5,)), "bias has shape"),
        (operator, with_tensor(4, shape=(2, 41)), r"should have shape \[2, 40\]"),
        (operator, with_tensor(4, shape=(80,)), "must have 2 axes"),
    ]
    for candidate, given, message in wrong:
        with pytest.raises(ModelError, match=message):
            rule.infer(candidate, given)
