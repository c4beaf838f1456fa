"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR against LiteRT."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.operators.cases import Case, compare_all, int8_array
from tests.operators.data_cases import any_array, int32s, moving_model, random_quantization
from utvm.errors import ImportModelError, ModelError, UnsupportedModelError
from utvm.importers.tflite import import_tflite
from utvm.model.operator_types import ResizeBilinear, ResizeNearest
from utvm.model.tensor import Tensor
from utvm.operators import rule_of

NEAREST, BILINEAR = "RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"


def _options(align_corners: bool, half_pixel_centers: bool) -> dict[str, bool]:
    return {"AlignCorners": align_corners, "HalfPixelCenters": half_pixel_centers}


def _size(rng: np.random.Generator, extent: int) -> int:
    """Doubled, halved, kept, one, or anything."""
    return int(rng.choice([2 * extent, max(1, extent // 2), extent, 1, *rng.integers(1, 30, 2).tolist()]))


def _case(seed: int, operator: str) -> Case:
    rng = np.random.default_rng(seed)
    dtype = str(rng.choice(["int8", "int8", "uint8", "int16", "int32", "float32"])) if operator == NEAREST else "int8"
    shape = tuple(int(rng.choice(extents)) for extents in ([1, 1, 2], [*range(1, 20)], [*range(1, 20)], [1, 2, 5]))
    size = (_size(rng, shape[1]), _size(rng, shape[2]))
    corners, centers = bool(rng.random() < 0.4), bool(rng.random() < 0.4)
    if operator == BILINEAR and corners:
        centers = False
    source = (shape, dtype, random_quantization(rng, dtype))
    result = (shape[0], *size, shape[3])
    model = moving_model(operator, source, [int32s(*size)], [result], _options(corners, centers))
    x = int8_array(rng, shape) if dtype == "int8" else any_array(rng, shape, dtype)
    return Case(model, (x,), f"{operator} seed {seed}: {dtype} {shape} to {size}, {corners=}, {centers=}")


@pytest.mark.parametrize("operator", [NEAREST, BILINEAR])
def test_equals_litert(operator: str) -> None:
    assert compare_all((_case(seed, operator) for seed in range(160)), at_least=160) == 160


@pytest.mark.parametrize("operator", [NEAREST, BILINEAR])
@pytest.mark.parametrize(("corners", "centers"), [(False, False), (True, False), (False, True), (True, True)])
def test_long_axes_equal_litert(operator: str, corners: bool, centers: bool) -> None:
    """Where the rounding of steps and of float32 shows."""
    if operator == BILINEAR and corners and centers:
        return
    cases = []
    for extent, size in [(1, 800), (3, 1000), (97, 1001), (1001, 97), (600, 601), (601, 600), (2047, 1), (1, 1)]:
        x = int8_array(np.random.default_rng(extent), (1, extent, 1, 1))
        options = _options(corners, centers)
        model = moving_model(operator, (x.shape, "int8", {}), [int32s(size, 2)], [(1, size, 2, 1)], options)
        cases.append(Case(model, (x,), f"{operator} {extent} to {size}"))
    assert compare_all(cases, at_least=len(cases), kernels=len(cases)) == len(cases)


def _model(operator: str, dtype: str, size: tuple[int, ...], corners: bool = False, centers: bool = False) -> bytes:
    result = (1, *size, 1) if len(size) == 2 and min(size) > 0 else (1, 2, 2, 1)
    return moving_model(operator, ((1, 1, 4, 1), dtype, {}), [int32s(*size)], [result], _options(corners, centers))


@pytest.mark.parametrize("operator", [NEAREST, BILINEAR])
@pytest.mark.parametrize("size", [(0, 2), (2, -1), (2,), (2, 2, 2)])
def test_a_size_that_is_none_is_malformed(operator: str, size: tuple[int, ...]) -> None:
    with pytest.raises(ImportModelError, match="height and a width"):
        import_tflite(_model(operator, "int8", size), "bad.tflite")


def test_corners_and_centers_are_malformed_together() -> None:
    with pytest.raises(ImportModelError, match="half-pixel"):
        import_tflite(_model(BILINEAR, "int8", (2, 2), corners=True, centers=True), "bad.tflite")


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (_model(BILINEAR, "float32", (2, 2)), "float32"),
        (_model(BILINEAR, "uint8", (2, 2)), "uint8"),
        (_model(NEAREST, "int64", (2, 2)), "int64"),
        (_model(NEAREST, "int8", (1 << 15, 2)), None),
        (_model(NEAREST, "int8", (1 << 16, 2)), "above 32768"),
        (_model(BILINEAR, "int8", (1500, 4)), "10-bit"),
        (_model(BILINEAR, "int8", (2, 4100), corners=True), "10-bit"),
    ],
)
def test_what_cannot_be_expressed_is_reported(model: bytes, reason: str | None) -> None:
    if reason is None:
        assert import_tflite(model, "tall.tflite").operators
        return
    with pytest.raises(UnsupportedModelError, match=reason):
        import_tflite(model, "odd.tflite")


WRONG_FOR_BOTH: list[tuple[dict[str, Any], tuple[int, ...]]] = [
    ({"size": (0, 2)}, (1, 4, 4, 1)),
    ({"size": (2, 1 << 16)}, (1, 4, 4, 1)),
    ({}, (1, 1 << 16, 4, 1)),
    ({}, (4, 4)),
]


@pytest.mark.parametrize(("change", "shape"), WRONG_FOR_BOTH)
@pytest.mark.parametrize("kind", [ResizeNearest, ResizeBilinear])
def test_wrong_graphs_are_errors(
    kind: type[ResizeNearest | ResizeBilinear], change: dict[str, Any], shape: tuple[int, ...]
) -> None:
    operator = replace(_operator(kind), **change)
    with pytest.raises(ModelError, match="Resize"):
        rule_of(operator).infer(operator, (Tensor("x", shape, "int8"),))


@pytest.mark.parametrize(
    ("change", "dtype"),
    [
        ({"align_corners": True, "half_pixel_centers": True}, "int8"),
        ({"size": (2, 1500)}, "int8"),
        ({}, "uint8"),
    ],
)
def test_wrong_bilinear_graphs_are_errors(change: dict[str, Any], dtype: str) -> None:
    operator = replace(_operator(ResizeBilinear), **change)
    with pytest.raises(ModelError, match="ResizeBilinear r"):
        rule_of(operator).infer(operator, (Tensor("x", (1, 1, 1, 1), dtype),))


def _operator(kind: type[ResizeNearest | ResizeBilinear]) -> ResizeNearest | ResizeBilinear:
    return kind(name="r", inputs=("x",), outputs=("y",), size=(2, 2), align_corners=False, half_pixel_centers=False)
