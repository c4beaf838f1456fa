"""SOFTMAX against LiteRT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Agreed, Case, compare, compare_all, compare_kernels, int8_array, zero_point
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Softmax
from utvm.model.tensor import Tensor
from utvm.operators import rule_of, run_reference


def _model(
    shape: tuple[int, ...], scale: float, beta: float = 1.0, zero: int = 0, output: tuple[float, int] = (1 / 256, -128)
) -> bytes:
    builder = ModelBuilder()
    x = builder.input("x", shape, scale=scale, zero_point=zero)
    y = builder.tensor("y", shape, scale=output[0], zero_point=output[1])
    builder.operator("SOFTMAX", [x], [y], {"Beta": beta})
    builder.output(y)
    return builder.finish()


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    leading = [int(extent) for extent in rng.integers(1, 4, int(rng.integers(0, 4)))]
    shape = (*leading, int(rng.choice([1, 2, 3, 10, 17, 100, 511])))
    scale = float(np.float32(np.exp(rng.uniform(np.log(1e-4), np.log(30.0)))))
    beta = float(rng.choice([1.0, 1.0, 0.25, 3.7]))
    model = _model(shape, scale, beta, zero_point(rng))
    return Case(model, (int8_array(rng, shape),), f"seed {seed}: {shape}, scale {scale}, beta {beta}")


def test_equals_litert() -> None:
    compare_all((_case(seed) for seed in range(150)), at_least=150)


def test_every_difference_at_scales_of_every_size() -> None:
    """Pairs of all distances; from factors hardly above what LiteRT accepts up to beyond its cap."""
    values = np.stack([np.full(256, 127), np.arange(-128, 128)], axis=1).astype(np.int8)
    scales = [1.1 * 2.0**-26, 1e-6, 1e-3, 0.0625, 0.1, 0.5, 1.0, 7.9, 31.0, 32.0, 100.0, 1e10]
    compare_all([Case(_model((256, 2), scale), (values,), str(scale)) for scale in scales], at_least=12, kernels=12)


def test_kernels_may_overwrite_the_input() -> None:
    agreed = compare(_model((3, 10), 0.1), [int8_array(np.random.default_rng(2), (3, 10))])
    assert agreed is not None
    (only,) = agreed.model.operators
    assert rule_of(only).in_place_inputs(only, agreed.model.input_tensors(only), agreed.model.output_tensors(only)) == (
        0,
    )
    model = agreed.model.with_operators((replace(only, in_place=0),))
    compare_kernels([Agreed(model, agreed.inputs, agreed.outputs, "in place")])


def test_a_thousand_classes() -> None:
    """LiteRT stops the process where a sum of exponentials reaches 512; with equal inputs we go on."""
    rng = np.random.default_rng(9)
    peaked = rng.integers(-128, 0, (2, 1001)).astype(np.int8)
    peaked[:, 77] = 127
    assert compare(_model((2, 1001), 0.1), [peaked]) is not None
    model = import_tflite(_model((1, 4095), 0.1), "m")
    flat = {"x": np.zeros((1, 4095), np.int8)}
    outputs = run_reference(model, flat)["y"]
    assert (outputs == -128).all()
    compare_kernels([Agreed(model, flat, (outputs,), "flat")])


def test_files_that_cannot_be_computed_are_refused() -> None:
    with pytest.raises(ImportModelError, match="has no axis"):
        import_tflite(_model((), 0.1), "m")
    with pytest.raises(ImportModelError, match="not 1/256 and -128"):
        import_tflite(_model((2,), 0.1, output=(1 / 128, -128)), "m")
    with pytest.raises(ImportModelError, match="not 1/256 and -128"):
        import_tflite(_model((2,), 0.1, output=(1 / 256, 0)), "m")
    with pytest.raises(UnsupportedModelError, match="at most 4095"):
        import_tflite(_model((4096,), 0.1), "m")
    for scale, beta in ((1e-9, 1.0), (0.1, 0.0), (0.1, -1.0), (0.1, float("nan"))):
        with pytest.raises(UnsupportedModelError, match="is too small"):
            import_tflite(_model((2,), scale, beta), "m")


def test_infer_names_what_is_wrong() -> None:
    operator = Softmax(
        name="s", inputs=("x",), outputs=("y",), input_multiplier=1 << 30, input_left_shift=23, diff_min=-248
    )
    source = Tensor("x", (2, 10), "int8")
    rule = rule_of(operator)
    wrong = [
        (operator, (), "takes one input"),
        (operator, (replace(source, dtype="uint8"),), "must be int8"),
        (operator, (replace(source, shape=()),), "has no axis"),
        (operator, (replace(source, shape=(1, 4096)),), "can overflow"),
        (replace(operator, input_multiplier=-1), (source,), "exceeds 31 bits"),
        (replace(operator, input_left_shift=32), (source,), "is out of range"),
        (replace(operator, diff_min=1), (source,), "overflow"),
        (replace(operator, diff_min=-257), (source,), "overflow"),
    ]
    rule.infer(operator, (source,))
    for candidate, tensors, message in wrong:
        with pytest.raises(ModelError, match=message):
            rule.infer(candidate, tensors)
