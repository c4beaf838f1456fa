"""RESHAPE, SQUEEZE and EXPAND_DIMS against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Case, compare, compare_all
from tests.operators.data_cases import MOVED_DTYPES, any_array, int32s, moving_model, random_quantization, random_shape
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Reshape
from utvm.model.tensor import Tensor
from utvm.operators import rule_of


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice(MOVED_DTYPES))
    operator = str(rng.choice(["RESHAPE", "SQUEEZE", "EXPAND_DIMS"]))
    shape = random_shape(rng, int(rng.integers(1, 6)), largest=4)
    source = (shape, dtype, random_quantization(rng, dtype))
    x = any_array(rng, shape, dtype)
    if operator == "RESHAPE":
        factors = [factor for extent in shape for factor in ((2, 2) if extent == 4 else (extent,))]
        target = tuple(int(factor) for factor in rng.permutation(factors))
        stated = list(target)
        if rng.random() < 0.5:
            stated[int(rng.integers(len(stated)))] = -1
        if rng.random() < 0.3:
            model = moving_model(operator, source, [], [target], {"NewShape": stated})
        else:
            model = moving_model(operator, source, [int32s(*stated)], [target], {})
    elif operator == "SQUEEZE":
        ones = [axis for axis, extent in enumerate(shape) if extent == 1]
        dropped = [axis for axis in ones if rng.random() < 0.5]
        kept = [axis for axis in range(len(shape)) if axis not in (dropped or ones)]
        stated = [axis - len(shape) if rng.random() < 0.5 else axis for axis in dropped]
        target = tuple(shape[axis] for axis in kept)
        model = moving_model(operator, source, [], [target], {"SqueezeDims": stated})
    else:
        axis = int(rng.integers(0, len(shape) + 1))
        target = (*shape[:axis], 1, *shape[axis:])
        axis_dtype = str(rng.choice(["int32", "int64"]))
        stated_axis = np.array(axis - len(target) if rng.random() < 0.5 else axis, dtype=axis_dtype)
        model = moving_model(operator, source, [stated_axis], [target])
    return Case(model, (x,), f"{operator} seed {seed}")


def test_equals_litert() -> None:
    assert compare_all((_case(seed) for seed in range(180)), at_least=150) >= 150


def test_an_old_files_scalar_shape() -> None:
    model = moving_model("RESHAPE", ((1, 1), "int8", {"scale": 0.5}), [], [()], {"NewShape": [0]})
    assert compare(model, [np.array([[3]], np.int8)]) is not None


@pytest.mark.parametrize("stated", [(4, 2), (-1, -1), (5, -1), (0, -1), (-2, -3), (6, 1, 1, 1, 1, 1, 1, 1, 1)])
def test_a_shape_that_does_not_fit_is_malformed(stated: tuple[int, ...]) -> None:
    model = moving_model("RESHAPE", ((2, 3), "int8", {}), [int32s(*stated)], [(6,)], {})
    with pytest.raises(ImportModelError, match="RESHAPE"):
        import_tflite(model, "bad.tflite")


@pytest.mark.parametrize("axes", [[0], [2], [-3], [1, 5]])
def test_an_axis_that_cannot_be_squeezed_is_malformed(axes: list[int]) -> None:
    model = moving_model("SQUEEZE", ((2, 1), "int8", {}), [], [(2,)], {"SqueezeDims": axes})
    with pytest.raises(ImportModelError, match="axis"):
        import_tflite(model, "bad.tflite")


@pytest.mark.parametrize("axis", [3, -4, 1 << 30])
def test_an_axis_that_cannot_be_added_is_malformed(axis: int) -> None:
    model = moving_model("EXPAND_DIMS", ((2, 3), "int8", {}), [int32s(axis)], [(1, 2, 3)])
    with pytest.raises(ImportModelError, match="axis"):
        import_tflite(model, "bad.tflite")


def test_a_shape_computed_at_run_time_is_reported() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (2, 3))
    shape = builder.input("shape", (1,), "int32")
    y = builder.tensor("y", (6,))
    builder.operator("RESHAPE", [x, shape], [y])
    builder.output(y)
    with pytest.raises(UnsupportedModelError, match="constant"):
        import_tflite(builder.finish(), "dynamic.tflite")


@pytest.mark.parametrize("shape", [(5,), (2, -3), (0,), ()])
def test_a_wrong_shape_is_an_error_of_the_graph(shape: tuple[int, ...]) -> None:
    operator = Reshape(name="r", inputs=("x",), outputs=("y",), shape=shape)
    with pytest.raises(ModelError, match="Reshape r"):
        rule_of(operator).infer(operator, (Tensor("x", (2, 3), "int8"),))
