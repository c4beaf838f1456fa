"""MEAN against LiteRT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Case, compare_all, int8_array, scale, zero_point
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Mean, Requantization
from utvm.model.tensor import Tensor
from utvm.operators import rule_of
from utvm.operators.mean import merged_axes


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 6))
    shape = [int(extent) for extent in rng.integers(1, 7, rank)]
    axes = [int(axis) for axis in rng.integers(-rank, rank, int(rng.integers(1, rank + 2)))]
    if seed % 5 == 0:
        shape, axes = [int(extent) for extent in (1, *rng.integers(1, 12, 3))], [1, 2]
    reduced = tuple({axis % len(shape) for axis in axes})
    keep = bool(rng.random() < 0.5)
    input_scale = scale(rng)
    same = rng.random() < 0.3
    output_scale = input_scale if same else float(np.float32(input_scale * rng.choice([0.01, 0.3, 1, 40, 1e9])))
    input_zero = zero_point(rng)
    builder = ModelBuilder()
    x = builder.input("x", shape, scale=input_scale, zero_point=input_zero)
    out_shape = np.zeros(shape).mean(axis=reduced, keepdims=keep).shape
    y = builder.tensor("y", out_shape, scale=output_scale, zero_point=input_zero if same else zero_point(rng))
    listed = np.array(axes[0] if len(axes) == 1 and rng.random() < 0.5 else axes, dtype=np.int32)
    builder.operator("MEAN", [x, builder.constant("axes", listed)], [y], {"KeepDims": keep})
    builder.output(y)
    return Case(builder.finish(), (int8_array(rng, shape),), f"seed {seed}: {shape} over {axes}")


def test_equals_litert() -> None:
    compare_all((_case(seed) for seed in range(150)), at_least=150, kernels=24)


def test_neighbouring_axes_merge() -> None:
    assert merged_axes((2, 3, 4, 5), (1, 2)) == ((2, 12, 5), (1,))
    assert merged_axes((2, 3, 4, 5), (0, 3)) == ((2, 12, 5), (0, 2))
    assert merged_axes((2, 3), (0, 1)) == ((6,), (0,))
    assert merged_axes((2, 3), ()) == ((6,), ())


def test_infer_names_what_is_wrong() -> None:
    operator = Mean(
        name="mean",
        inputs=("x",),
        outputs=("y",),
        axes=(1,),
        keep_dims=False,
        input_zero_point=0,
        requantization=Requantization((1 << 30,), (0,)),
        output_zero_point=0,
    )
    source = Tensor("x", (2, 3, 4), "int8")
    rule = rule_of(operator)
    assert rule.infer(operator, (source,))[0].shape == (2, 4)
    wrong = [
        (operator, (source, source), "takes one input"),
        (operator, (replace(source, dtype="int32"),), "must be int8"),
        (replace(operator, axes=(3,)), (source,), "are not ascending axes"),
        (replace(operator, axes=(-1,)), (source,), "are not ascending axes"),
        (replace(operator, axes=(1, 0)), (source,), "are not ascending axes"),
        (replace(operator, axes=(1, 1)), (source,), "are not ascending axes"),
        (operator, (replace(source, shape=(1, 1 << 24, 1)),), "do not fit an int32"),
        (replace(operator, input_zero_point=-200), (source,), "zero point -200"),
        (replace(operator, requantization=Requantization((1,), (31,))), (source,), "shift is outside"),
    ]
    for candidate, tensors, message in wrong:
        with pytest.raises(ModelError, match=message):
            rule.infer(candidate, tensors)


def test_files_that_cannot_be_computed_are_refused() -> None:
    def model(axes: list[int], constant: bool = True) -> bytes:
        builder = ModelBuilder()
        x = builder.input("x", (2, 3), scale=0.5)
        values = np.array(axes, np.int32)
        given = builder.constant("axes", values) if constant else builder.input("axes", values.shape, "int32")
        y = builder.tensor("y", (2, 1), scale=0.5)
        builder.operator("MEAN", [x, given], [y], {"KeepDims": True})
        builder.output(y)
        return builder.finish()

    import_tflite(model([1]), "m")
    for axis in (2, -3, 2**31 - 1):
        with pytest.raises(ImportModelError, match="does not exist"):
            import_tflite(model([axis]), "m")
    with pytest.raises(UnsupportedModelError, match="must be a constant"):
        import_tflite(model([1], constant=False), "m")
