"""Comparing operators with LiteRT's reference kernels, bit for bit: the numpy reference, and the C kernels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.kernels.host import run_many
from tests.litert import ReferenceRefusedError, run_reference
from utvm.importers.tflite import import_tflite
from utvm.model import Model
from utvm.operators import run_reference as run_numpy

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Case:
    """A .tflite model and its inputs in order; `label` describes it in a failure."""

    model: bytes
    inputs: tuple[Array, ...]
    label: str = ""


@dataclass(frozen=True)
class Agreed:
    """A case whose numpy reference equals LiteRT: the imported model, its inputs by name, LiteRT's outputs in order."""

    model: Model
    inputs: dict[str, Array]
    outputs: tuple[Array, ...]
    label: str


def compare(model: bytes, inputs: Sequence[Array], label: str = "") -> Agreed | None:
    """Assert that the numpy reference gives LiteRT's outputs; None where LiteRT refuses the model."""
    try:
        expected = run_reference(model, inputs)
    except ReferenceRefusedError:
        return None
    imported = import_tflite(model, label or "case")
    named = dict(zip(imported.inputs, inputs, strict=True))
    outputs = run_numpy(imported, named)
    for name, wanted in zip(imported.outputs, expected, strict=True):
        _assert_equal(outputs[name], wanted, f"numpy reference, {label}, output {name}")
    return Agreed(imported, named, tuple(expected), label)


def compare_kernels(agreed: Sequence[Agreed], flags: Sequence[str] = ("-O1",)) -> None:
    """Assert that the C kernels give LiteRT's outputs; all models are compiled together."""
    results = run_many([(case.model, case.inputs) for case in agreed], flags)
    for case, outputs in zip(agreed, results, strict=True):
        for name, wanted in zip(case.model.outputs, case.outputs, strict=True):
            _assert_equal(outputs[name], wanted, f"C kernel, {case.label}, output {name}")


def compare_all(cases: Iterable[Case], at_least: int = 50, kernels: int = 16) -> int:
    """Compare every case that LiteRT accepts, `kernels` of them in C too; their number, which is `at_least`."""
    agreed = [result for case in cases if (result := compare(case.model, case.inputs, case.label)) is not None]
    assert len(agreed) >= at_least, f"LiteRT accepted only {len(agreed)} cases"
    step = max(1, len(agreed) // kernels)
    compare_kernels(agreed[::step])
    return len(agreed)


def _assert_equal(got: Array, wanted: Array, what: str) -> None:
    assert got.dtype == wanted.dtype, f"{what}: {got.dtype} instead of {wanted.dtype}"
    assert got.shape == wanted.shape, f"{what}: {got.shape} instead of {wanted.shape}"
    if not np.array_equal(got, wanted):
        where = np.argwhere(got != wanted)
        first = tuple(where[0])
        raise AssertionError(
            f"{what}: {len(where)} of {got.size} elements differ; at {first}: {got[first]}, LiteRT says {wanted[first]}"
        )


def int8_array(rng: np.random.Generator, shape: Sequence[int]) -> Array:
    """Random int8 elements: uniform, or of few values with the extremes among them."""
    if rng.random() < 0.6:
        return rng.integers(-128, 128, shape, dtype=np.int8)
    values = rng.choice(np.array([-128, -127, -1, 0, 1, 126, 127], dtype=np.int8), 3)
    return np.asarray(rng.choice(values, tuple(shape)), dtype=np.int8)


def scale(rng: np.random.Generator, low: float = 1e-4, high: float = 1.0) -> float:
    """A float32 scale, log-uniform; now and then a power of two, where halves are common."""
    value = float(np.exp(rng.uniform(np.log(low), np.log(high))))
    if rng.random() < 0.25:
        value = 2.0 ** round(np.log2(value))
    return float(np.float32(value))


def zero_point(rng: np.random.Generator) -> int:
    """An int8 zero point, the extremes and zero more often than others."""
    return int(rng.choice([-128, 0, 127, int(rng.integers(-128, 128))]))
