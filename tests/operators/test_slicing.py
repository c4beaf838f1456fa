"""SLICE, SPLIT, SPLIT_V and UNPACK against LiteRT."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Array, Case, compare_all
from tests.operators.data_cases import MOVED_DTYPES, any_array, int32s, moving_model, random_quantization, random_shape
from utvm.errors import ImportModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite

Source = tuple[tuple[int, ...], str, dict[str, Any]]


def _slice(rng: np.random.Generator, source: Source) -> bytes:
    shape = source[0]
    begin = [int(rng.integers(0, extent)) for extent in shape]
    size = [int(rng.integers(1, extent - first + 1)) for extent, first in zip(shape, begin, strict=True)]
    stated = [
        -1 if count == extent - first and rng.random() < 0.7 else count
        for count, first, extent in zip(size, begin, shape, strict=True)
    ]
    dtype = str(rng.choice(["int32", "int64"]))
    return moving_model("SLICE", source, [np.array(begin, dtype), np.array(stated, dtype)], [tuple(size)])


def _stated(rng: np.random.Generator, axis: int, rank: int) -> int:
    return axis - rank if rng.random() < 0.5 else axis


def _split(rng: np.random.Generator, source: Source) -> bytes:
    shape, axis = source[0], int(rng.integers(0, len(source[0])))
    parts = int(rng.choice([count for count in range(1, shape[axis] + 1) if shape[axis] % count == 0]))
    part = (*shape[:axis], shape[axis] // parts, *shape[axis + 1 :])
    stated = np.array(_stated(rng, axis, len(shape)), np.int32)
    return moving_model("SPLIT", source, [stated], [part] * parts, {"NumSplits": parts}, constants_first=1)


def _split_v(rng: np.random.Generator, source: Source) -> bytes:
    shape, axis = source[0], int(rng.integers(0, len(source[0])))
    cuts = sorted({0, shape[axis], *(int(cut) for cut in rng.integers(0, shape[axis] + 1, 2))})
    extents = [after - before for before, after in pairwise(cuts)]
    parts = [(*shape[:axis], extent, *shape[axis + 1 :]) for extent in extents]
    if rng.random() < 0.5:
        extents[int(rng.integers(len(extents)))] = -1
    sizes = np.array(extents, str(rng.choice(["int32", "int64"])))
    stated = np.array(_stated(rng, axis, len(shape)), np.int32)
    return moving_model("SPLIT_V", source, [sizes, stated], parts, {"NumSplits": len(parts)})


def _unpack(rng: np.random.Generator, source: Source) -> bytes:
    shape, axis = source[0], int(rng.integers(0, len(source[0])))
    part = (*shape[:axis], *shape[axis + 1 :])
    options = {"Axis": _stated(rng, axis, len(shape)), "Num": shape[axis]}
    return moving_model("UNPACK", source, [], [part] * shape[axis], options)


MAKERS = {"SLICE": _slice, "SPLIT": _split, "SPLIT_V": _split_v, "UNPACK": _unpack}


def _case(seed: int, operator: str) -> Case:
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice(MOVED_DTYPES))
    shape = random_shape(rng, int(rng.integers(1, 7)), largest=7)
    model = MAKERS[operator](rng, (shape, dtype, random_quantization(rng, dtype)))
    return Case(model, (any_array(rng, shape, dtype),), f"{operator} seed {seed}: {dtype} {shape}")


@pytest.mark.parametrize("operator", MAKERS)
def test_equals_litert(operator: str) -> None:
    assert compare_all((_case(seed, operator) for seed in range(80)), at_least=80) == 80


SQUARE: Source = ((4, 4), "int8", {})


@pytest.mark.parametrize(
    ("begin", "size"), [((0, 2), (4, 3)), ((-1, 0), (1, 1)), ((0,), (4,)), ((4, 0), (-1, 1)), ((0, 0), (-2, 1))]
)
def test_a_block_outside_the_input_is_malformed(begin: tuple[int, ...], size: tuple[int, ...]) -> None:
    with pytest.raises(ImportModelError, match="SLICE"):
        import_tflite(moving_model("SLICE", SQUARE, [int32s(*begin), int32s(*size)], [(4, 2)]), "bad.tflite")


@pytest.mark.parametrize(("axis", "parts", "outputs"), [(0, 3, 3), (0, 2, 1), (2, 2, 2), (0, 0, 0), (0, -2, 1)])
def test_an_uneven_split_is_malformed(axis: int, parts: int, outputs: int) -> None:
    shapes = [(2, 4)] * outputs
    model = moving_model("SPLIT", SQUARE, [int32s(axis)], shapes, {"NumSplits": parts}, constants_first=1)
    with pytest.raises(ImportModelError):
        import_tflite(model, "bad.tflite")


@pytest.mark.parametrize("sizes", [[1, 2], [5, -1], [-1, -1], [4, 0], [2, 2, 0], [-(1 << 31), 4]])
def test_sizes_that_do_not_add_up_are_malformed(sizes: list[int]) -> None:
    model = moving_model("SPLIT_V", SQUARE, [int32s(*sizes), int32s(0)], [(2, 4), (2, 4)], {"NumSplits": 2})
    with pytest.raises(ImportModelError, match="SPLIT_V"):
        import_tflite(model, "bad.tflite")


@pytest.mark.parametrize("options", [{"Axis": 2, "Num": 4}, {"Axis": 0, "Num": 3}, {"Axis": -3, "Num": 4}])
def test_a_wrong_unpack_is_malformed(options: dict[str, int]) -> None:
    with pytest.raises(ImportModelError, match="UNPACK"):
        import_tflite(moving_model("UNPACK", SQUARE, [], [(4,)] * 4, options), "bad.tflite")


def test_unpacking_into_another_quantization_is_reported() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (1, 3), scale=0.5)
    y = builder.tensor("y", (3,), scale=0.25)
    builder.operator("UNPACK", [x], [y], {"Axis": 0, "Num": 1})
    builder.output(y)
    with pytest.raises(UnsupportedModelError, match="quantized otherwise"):
        import_tflite(builder.finish(), "odd.tflite")


def test_an_axis_of_another_dtype_is_reported() -> None:
    axis: Array = np.array(0, np.int64)
    model = moving_model("SPLIT", SQUARE, [axis], [(4, 4)], {"NumSplits": 1}, constants_first=1)
    with pytest.raises(UnsupportedModelError, match="int64"):
        import_tflite(model, "odd.tflite")
