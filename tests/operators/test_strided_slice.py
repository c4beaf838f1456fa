"""STRIDED_SLICE, with every mask, against LiteRT."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.litert import ModelBuilder
from tests.operators.cases import Case, compare_all
from tests.operators.data_cases import MOVED_DTYPES, any_array, int32s, moving_model, random_quantization, random_shape
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import StridedSlice
from utvm.model.tensor import Tensor
from utvm.operators import rule_of
from utvm.operators.strided_slice import SlicedAxis, merged_axes

MASKS = ("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask")


class _Specification:
    """A Python index expression and the operator's inputs and masks that say the same."""

    def __init__(self) -> None:
        self.begin: list[int] = []
        self.end: list[int] = []
        self.strides: list[int] = []
        self.masks = dict.fromkeys(MASKS, 0)
        self.index: list[Any] = []

    def _entry(self, begin: int, end: int, stride: int, *masks: str) -> None:
        for mask in masks:
            self.masks[mask] |= 1 << len(self.begin)
        self.begin.append(begin)
        self.end.append(end)
        self.strides.append(stride)

    def add_new_axis(self, rng: np.random.Generator) -> None:
        masks = [mask for mask in ("BeginMask", "EndMask", "ShrinkAxisMask") if rng.random() < 0.2]
        self._entry(int(rng.integers(-3, 4)), int(rng.integers(-3, 4)), 1, "NewAxisMask", *masks)
        self.index.append(np.newaxis)

    def add_ellipsis(self) -> None:
        self._entry(0, 0, 1, "EllipsisMask")
        self.index.append(Ellipsis)

    def add_index(self, rng: np.random.Generator, extent: int) -> None:
        position = int(rng.integers(-extent, extent))
        self._entry(position, int(rng.integers(-9, 9)), int(rng.choice([1, 1, 3])), "ShrinkAxisMask")
        self.index.append(position)

    def add_slice(self, rng: np.random.Generator, extent: int) -> None:
        """Bounds reach beyond the axis, from both ends; retried until something is left."""
        while True:
            begin, end = (int(bound) for bound in rng.integers(-extent - 3, extent + 4, 2))
            stride = int(rng.choice([1, 1, 2, 3, -1, -2, -5]))
            open_begin, open_end = (bool(rng.random() < 0.3) for _ in range(2))
            chosen = slice(None if open_begin else begin, None if open_end else end, stride)
            if len(range(extent)[chosen]) > 0:
                break
        masks = [mask for mask, is_open in (("BeginMask", open_begin), ("EndMask", open_end)) if is_open]
        self._entry(begin, end, stride, *masks)
        self.index.append(chosen)


def _specification(rng: np.random.Generator, shape: tuple[int, ...]) -> _Specification:
    specification = _Specification()
    with_ellipsis = bool(rng.random() < 0.4)
    named = int(rng.integers(0, len(shape) + (0 if with_ellipsis else 1)))
    before = int(rng.integers(0, named + 1)) if with_ellipsis else named
    axes = [*range(before), *range(len(shape) - (named - before), len(shape))]
    for number, axis in enumerate(axes):
        if with_ellipsis and number == before:
            specification.add_ellipsis()
        if rng.random() < 0.15 and len(shape) < 5:
            specification.add_new_axis(rng)
        if rng.random() < 0.25:
            specification.add_index(rng, shape[axis])
        else:
            specification.add_slice(rng, shape[axis])
    if with_ellipsis and before == named:
        specification.add_ellipsis()
    if not specification.begin:
        specification.add_new_axis(rng)
    return specification


def _case(seed: int) -> Case:
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice(MOVED_DTYPES))
    shape = random_shape(rng, int(rng.integers(1, 6)), largest=6)
    specification = _specification(rng, shape)
    x = any_array(rng, shape, dtype)
    constants = [int32s(*values) for values in (specification.begin, specification.end, specification.strides)]
    result = x[tuple(specification.index)]
    source = (shape, dtype, random_quantization(rng, dtype))
    model = moving_model("STRIDED_SLICE", source, constants, [result.shape], dict(specification.masks))
    return Case(model, (x,), f"seed {seed}: {dtype} {shape} {specification.index}")


def test_equals_litert() -> None:
    """LiteRT means what Python means; the declared output shapes are Python's."""
    assert compare_all((_case(seed) for seed in range(300)), at_least=300, kernels=30) == 300


def _model(begin: list[int], end: list[int], strides: list[int], **masks: int) -> bytes:
    return moving_model(
        "STRIDED_SLICE", ((4, 4), "int8", {}), [int32s(*values) for values in (begin, end, strides)], [(4, 4)], masks
    )


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (_model([0], [4], [0]), "stride is zero"),
        (_model([3], [1], [1]), "empty"),
        (_model([9], [12], [1]), "empty"),
        (_model([4], [5], [1], ShrinkAxisMask=1), "outside its axis"),
        (_model([-5], [5], [-1], ShrinkAxisMask=1), "outside its axis"),
        (_model([2], [1], [-1], ShrinkAxisMask=1), "negative stride"),
        (_model([0, 0, 0], [4, 4, 4], [1, 1, 1]), "do not fit"),
        (_model([0, 0], [4, 4], [1, 1], EllipsisMask=3), "2 ellipses"),
        (_model([0], [4, 4], [1]), "entries"),
        (_model([0], [4], [1, 1]), "entries"),
        (_model([0] * 9, [4] * 9, [1] * 9), "vector"),
    ],
)
def test_a_wrong_slice_is_malformed(model: bytes, problem: str) -> None:
    with pytest.raises(ImportModelError, match=problem):
        import_tflite(model, "bad.tflite")


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (_model([0], [4], [1], Offset=True), "offset"),
        (_model([0, 0, 0], [4, 4, 4], [1, 1, 1], EllipsisMask=1), "no axis"),
    ],
)
def test_what_cannot_be_expressed_is_reported(model: bytes, reason: str) -> None:
    with pytest.raises(UnsupportedModelError, match=reason):
        import_tflite(model, "odd.tflite")


def test_bounds_computed_at_run_time_are_reported() -> None:
    builder = ModelBuilder()
    x = builder.input("x", (4,))
    begin = builder.input("begin", (1,), "int32")
    y = builder.tensor("y", (2,))
    one = builder.constant("one", int32s(1))
    builder.operator("STRIDED_SLICE", [x, begin, one, one], [y], {})
    builder.output(y)
    with pytest.raises(UnsupportedModelError, match="constant"):
        import_tflite(builder.finish(), "dynamic.tflite")


def test_axes_taken_whole_merge() -> None:
    whole, part = SlicedAxis(4, 0, 1, 4), SlicedAxis(6, 2, 1, 3)
    assert merged_axes((whole, part, whole, whole)) == (whole, SlicedAxis(96, 32, 1, 48))
    assert merged_axes((SlicedAxis(6, 5, -2, 3), whole)) == (SlicedAxis(6, 5, -2, 3), whole)
    assert merged_axes((SlicedAxis(6, 5, -2, 1), whole)) == (SlicedAxis(24, 20, 1, 4),)
    assert merged_axes(()) == (SlicedAxis(1, 0, 1, 1),)


@pytest.mark.parametrize(
    "change",
    [
        {"begin": (0,)},
        {"begin": (0, 4)},
        {"begin": (0, -1)},
        {"shape": (2, 0)},
        {"shape": (2, 5)},
        {"strides": (1, 0)},
        {"strides": (1, -1)},
        {"strides": (1, 4)},
    ],
)
def test_wrong_graphs_are_errors(change: dict[str, Any]) -> None:
    operator = StridedSlice(name="s", inputs=("x",), outputs=("y",), begin=(0, 0), strides=(1, 1), shape=(2, 2))
    with pytest.raises(ModelError, match="StridedSlice s"):
        rule_of(operator).infer(replace(operator, **change), (Tensor("x", (4, 4), "int8"),))
