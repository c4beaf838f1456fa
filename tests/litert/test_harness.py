from __future__ import annotations

import numpy as np
import pytest
import tflite

from tests.litert import INT8_VERSIONS, ModelBuilder, ReferenceRefusedError, run_reference
from tests.litert.smoke_models import SCALE, ZERO_POINT, Array, SmokeModel, smoke_models


def _random_input(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> tuple[Array, Array]:
    """Stored values and the real numbers they stand for."""
    if dtype == "float32":
        real = rng.uniform(-6, 6, shape).astype(np.float32)
        return real, real
    stored = rng.integers(-128, 128, shape).astype(np.int8)
    return stored, (stored.astype(np.float64) - ZERO_POINT) * SCALE


@pytest.mark.parametrize("case", smoke_models(), ids=lambda case: case.operator)
def test_litert_runs_the_operator_as_it_is_meant(case: SmokeModel) -> None:
    rng = np.random.default_rng(7)
    pairs = [_random_input(rng, shape, case.input_dtype) for shape in case.input_shapes]
    outputs = run_reference(case.model, [stored for stored, _ in pairs])

    meant = case.meaning(*(real for _, real in pairs))
    meant = meant if isinstance(meant, tuple) else (meant,)
    assert len(outputs) == len(meant)
    for output, expected in zip(outputs, meant, strict=True):
        assert output.dtype.name == case.output_dtype
        assert output.shape == expected.shape
        steps = expected / case.output_scale + case.output_zero_point
        if case.output_dtype == "int8":
            steps = np.clip(steps, -128, 127)
        np.testing.assert_allclose(output.astype(np.float64), steps, atol=case.tolerance_steps)
        assert np.unique(output).size > 1, "a constant answer would agree with almost anything"


def test_every_operator_with_an_int8_version_has_a_smoke_model() -> None:
    assert {case.operator for case in smoke_models()} == set(INT8_VERSIONS)


def _fully_connected(version: int, with_bias: bool) -> bytes:
    builder = ModelBuilder()
    x = builder.input("x", (1, 3), scale=0.5)
    weights = builder.constant("w", np.array([[1, 2, 3]], dtype=np.int8), scale=0.5)
    bias = builder.constant("b", np.array([8], dtype=np.int32), scale=0.25) if with_bias else None
    y = builder.tensor("y", (1, 1), scale=0.25)
    builder.operator("FULLY_CONNECTED", [x, weights, bias], [y], version=version)
    builder.output(y)
    return builder.finish()


def test_an_optional_input_can_be_left_out() -> None:
    x = np.array([[1, 1, 1]], dtype=np.int8)
    assert run_reference(_fully_connected(4, with_bias=False), [x])[0].item() == 6
    assert run_reference(_fully_connected(4, with_bias=True), [x])[0].item() == 14


def test_a_version_that_litert_does_not_know_is_refused() -> None:
    with pytest.raises(ReferenceRefusedError, match=r"version '?99'?"):
        run_reference(_fully_connected(99, with_bias=True), [np.zeros((1, 3), np.int8)])


def test_inputs_that_do_not_fit_are_refused() -> None:
    model = _fully_connected(4, with_bias=True)
    with pytest.raises(ReferenceRefusedError, match="1 inputs, got 2"):
        run_reference(model, [np.zeros((1, 3), np.int8)] * 2)
    with pytest.raises(ReferenceRefusedError, match="Cannot set tensor"):
        run_reference(model, [np.zeros((1, 4), np.int8)])
    with pytest.raises(ReferenceRefusedError, match="Cannot set tensor"):
        run_reference(model, [np.zeros((1, 3), np.float32)])


def test_a_custom_operator_is_written_and_refused_by_litert() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 3), scale=0.5, shape_signature=(-1, 3))
    y = builder.tensor("y", (1, 3), scale=0.5)
    builder.custom("Whiten", [x], [y], data=b"\x01\x02")
    builder.output(y)
    model = builder.finish()

    root = tflite.Model.GetRootAs(model)
    graph = root.Subgraphs(0)
    assert root.OperatorCodes(0).BuiltinCode() == tflite.BuiltinOperator.CUSTOM
    assert root.OperatorCodes(0).CustomCode() == b"Whiten"
    assert graph.Operators(0).CustomOptionsAsNumpy().tobytes() == b"\x01\x02"
    assert graph.Tensors(0).ShapeSignatureAsNumpy().tolist() == [-1, 3]
    with pytest.raises(ReferenceRefusedError, match="Whiten"):
        run_reference(model, [np.zeros((1, 3), np.int8)])


def test_wrong_names_are_reported_with_the_right_ones() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 4, 4, 1), scale=0.5)
    y = builder.tensor("y", (1, 4, 4, 1), scale=0.5)
    with pytest.raises(ValueError, match="no operator 'Conv2D'"):
        builder.operator("Conv2D", [x], [y])
    builder.operator("CONV_2D", [x], [y], {"Stride": 1})
    with pytest.raises(ValueError, match=r"no field Stride; it has .*StrideW"):
        builder.finish()
    with pytest.raises(ValueError, match="float64"):
        builder.constant("c", np.zeros(3))
    with pytest.raises(ValueError, match="2 scales but 3 zero points"):
        builder.tensor("t", (2,), scale=[1.0, 2.0], zero_point=[0, 0, 0])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "float32", "bool"])
def test_other_dtypes_pass_through_a_reshape(dtype: str) -> None:
    builder = ModelBuilder()
    x = builder.input("x", (2, 3), dtype)
    y = builder.tensor("y", (3, 2), dtype)
    builder.operator("RESHAPE", [x, builder.constant("shape", np.array([3, 2], dtype=np.int32))], [y])
    builder.output(y)
    values = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
    (answer,) = run_reference(builder.finish(), [values])
    assert answer.dtype == values.dtype
    np.testing.assert_array_equal(answer, values.reshape(3, 2))
