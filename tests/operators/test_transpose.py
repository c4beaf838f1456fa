"""TRANSPOSE against LiteRT."""

from __future__ import annotations

import numpy as np
import pytest

from tests.operators.cases import Case, compare_all
from tests.operators.data_cases import MOVED_DTYPES, any_array, int32s, moving_model, random_quantization, random_shape
from utvm.errors import ImportModelError, ModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import Transpose
from utvm.model.tensor import Tensor
from utvm.operators import rule_of
from utvm.operators.transpose import merged_axes


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice([*MOVED_DTYPES, "int64"]))
    rank = int(rng.integers(1, 7))
    shape = random_shape(rng, rank, largest=6)
    permutation = [int(axis) for axis in rng.permutation(rank)]
    stated = [axis - rank if rng.random() < 0.2 else axis for axis in permutation]
    source = (shape, dtype, random_quantization(rng, dtype))
    model = moving_model("TRANSPOSE", source, [int32s(*stated)], [tuple(shape[axis] for axis in permutation)])
    return Case(model, (any_array(rng, shape, dtype),), f"seed {seed}: {dtype} {shape} {permutation}")


def test_equals_litert() -> None:
    assert compare_all((_case(seed) for seed in range(150)), at_least=150) == 150


@pytest.mark.parametrize(
    ("shape", "permutation", "expected"),
    [
        ((2, 3, 4, 5), (0, 3, 1, 2), ((2, 12, 5), (0, 2, 1))),
        ((1, 3, 1, 5), (3, 2, 0, 1), ((3, 5), (1, 0))),
        ((2, 1, 3), (0, 2, 1), ((6,), (0,))),
        ((2, 3, 4, 5), (2, 3, 0, 1), ((6, 20), (1, 0))),
        ((1, 1), (1, 0), ((1,), (0,))),
        ((), (), ((1,), (0,))),
    ],
)
def test_axes_that_stay_neighbours_merge(
    shape: tuple[int, ...], permutation: tuple[int, ...], expected: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    assert merged_axes(shape, permutation) == expected


@pytest.mark.parametrize("permutation", [(0, 0), (0, 2), (-3, 0), (0,), (0, 1, 2)])
def test_what_is_no_permutation_is_malformed(permutation: tuple[int, ...]) -> None:
    model = moving_model("TRANSPOSE", ((2, 2), "int8", {}), [int32s(*permutation)], [(2, 2)])
    with pytest.raises(ImportModelError, match="TRANSPOSE"):
        import_tflite(model, "bad.tflite")


@pytest.mark.parametrize("permutation", [(0, 0), (0, 2), (-1, 0), (0,), ()])
def test_wrong_graphs_are_errors(permutation: tuple[int, ...]) -> None:
    operator = Transpose(name="t", inputs=("x",), outputs=("y",), permutation=permutation)
    with pytest.raises(ModelError, match="Transpose t"):
        rule_of(operator).infer(operator, (Tensor("x", (2, 2), "int8"),))
