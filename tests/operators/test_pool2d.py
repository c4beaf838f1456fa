"""AVERAGE_POOL_2D and MAX_POOL_2D against LiteRT."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Case, compare_all, int8_array, scale, zero_point
from tests.operators.convolutions import ACTIVATIONS, random_window
from utvm.errors import ImportModelError, ModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Padding, Pool2D
from utvm.model.tensor import Tensor
from utvm.operators import rule_of

OPERATORS = ["AVERAGE_POOL_2D", "MAX_POOL_2D"]


def _case(operator: str, seed: int) -> Case:
    rng = np.random.default_rng(seed)
    window, (height, width) = random_window(rng, dilated=False)
    batch, channels = int(rng.choice([1, 1, 2])), int(rng.choice([1, 3, 8]))
    shape = (batch, height, width, channels)
    quantization: dict[str, Any] = {"scale": scale(rng, low=1e-2), "zero_point": zero_point(rng)}
    builder = ModelBuilder()
    x = builder.input("x", shape, **quantization)
    y = builder.tensor("y", (batch, *window.output_size(height, width), channels), **quantization)
    options = window.options()
    del options["DilationHFactor"], options["DilationWFactor"]
    options |= {"FilterHeight": window.kernel[0], "FilterWidth": window.kernel[1]}
    options["FusedActivationFunction"] = str(rng.choice(ACTIVATIONS))
    builder.operator(operator, [x], [y], options)
    builder.output(y)
    return Case(builder.finish(), (int8_array(rng, shape),), f"{operator} seed {seed}")


@pytest.mark.parametrize("operator", OPERATORS)
def test_equals_litert(operator: str) -> None:
    compare_all((_case(operator, seed) for seed in range(130)), at_least=130)


def test_averages_round_halves_away_from_zero() -> None:
    """Sums of every remainder and sign."""
    values = np.stack([np.arange(-64, 64), np.arange(-64, 64)[::-1] // 2, np.full(128, 5), np.full(128, -6)])
    builder = ModelBuilder()
    x = builder.input("x", (1, 2, 2, 128), scale=0.5)
    y = builder.tensor("y", (1, 1, 1, 128), scale=0.5)
    options = {"FilterHeight": 2, "FilterWidth": 2, "StrideH": 1, "StrideW": 1, "Padding": "VALID"}
    builder.operator("AVERAGE_POOL_2D", [x], [y], options)
    builder.output(y)
    case = Case(builder.finish(), (values.astype(np.int8).reshape(1, 2, 2, 128),))
    compare_all([case], at_least=1)


def _operator() -> tuple[Pool2D, Tensor]:
    operator = Pool2D(
        name="pool",
        inputs=("x",),
        outputs=("y",),
        kind="average",
        window=(2, 3),
        strides=(1, 1),
        padding=Padding(),
        clamp=(-128, 127),
    )
    return operator, Tensor("x", (1, 4, 5, 2), "int8")


def test_infer_names_what_is_wrong() -> None:
    operator, image = _operator()
    rule = rule_of(operator)
    wrong = [
        (operator, (image, image), "takes one input"),
        (operator, (replace(image, dtype="uint8"),), "must be int8"),
        (operator, (replace(image, shape=(4, 5, 2)),), "must have 4 axes"),
        (operator, (replace(image, shape=(1, 1, 5, 2)),), "larger than the padded image"),
        (replace(operator, window=(0, 1)), (image,), "is not positive"),
        (replace(operator, strides=(1, 0)), (image,), "is not positive"),
        (replace(operator, padding=Padding(top=2)), (image,), "lies in the padding alone"),
        (replace(operator, padding=Padding(right=3)), (image,), "lies in the padding alone"),
        (replace(operator, window=(1 << 12, 1 << 12)), (image,), "is too large"),
        (replace(operator, clamp=(0, 128)), (image,), "clamp 128"),
    ]
    rule.infer(operator, (image,))
    for candidate, tensors, message in wrong:
        with pytest.raises(ModelError, match=message):
            rule.infer(candidate, tensors)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"FilterHeight": 0}, "window 0 x 2"),
        ({"StrideW": -1}, "stride 1 x -1"),
        ({"FilterHeight": 9}, "larger than the padded image"),
    ],
)
def test_files_that_cannot_be_computed_are_refused(options: dict[str, int], message: str) -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 4, 4, 1), scale=0.5)
    y = builder.tensor("y", (1, 3, 3, 1), scale=0.5)
    fitting = {"FilterHeight": 2, "FilterWidth": 2, "StrideH": 1, "StrideW": 1, "Padding": "VALID"}
    builder.operator("MAX_POOL_2D", [x], [y], {**fitting, **options})
    builder.output(y)
    with pytest.raises(ImportModelError, match=message):
        import_tflite(builder.finish(), "m")
