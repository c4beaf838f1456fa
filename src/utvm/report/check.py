"""Compare the outputs of runs with the reference, element by element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from utvm.model.tensor import Array

NUMPY_REFERENCE = "the numpy reference"


@dataclass(frozen=True)
class Difference:
    """An element that differs: its output, the run it is from, its index there, and both values."""

    output: str
    run: int
    index: tuple[int, ...]
    expected: float
    got: float

    def __str__(self) -> str:
        index = ", ".join(str(position) for position in self.index)
        return f"output {self.output}, run {self.run}, element [{index}]: expected {self.expected}, got {self.got}"


@dataclass(frozen=True)
class CheckReport:
    """How many of `elements` output elements in `runs` runs differ from `reference`, by how much, and the first."""

    reference: str
    runs: int
    elements: int
    mismatches: int
    max_abs_diff: float
    first: Difference | None

    def __str__(self) -> str:
        run_word = "run" if self.runs == 1 else "runs"
        text = f"{self.mismatches:,} mismatches of {self.elements:,} elements in {self.runs:,} {run_word}"
        text += f" (against {self.reference})"
        if self.first is not None:
            text += f"; largest difference {self.max_abs_diff:g}; first: {self.first}"
        return text


def compare_runs(
    expected: Sequence[Mapping[str, Array]], got: Sequence[Mapping[str, Array]], reference: str
) -> CheckReport:
    """Compare two lists of runs, outputs by name. Every bit counts, but one NaN equals another."""
    elements = mismatches = 0
    max_abs_diff = 0.0
    first: Difference | None = None
    for run, (wanted, given) in enumerate(zip(expected, got, strict=True)):
        for name, want in wanted.items():
            have = given[name]
            if have.shape != want.shape or have.dtype != want.dtype:
                raise ValueError(f"{name}: {have.dtype}{have.shape} cannot be compared with {want.dtype}{want.shape}")
            differs = _differs(want, have)
            elements += want.size
            count = int(np.count_nonzero(differs))
            if count == 0:
                continue
            mismatches += count
            gaps = np.abs(want[differs].astype(np.float64) - have[differs].astype(np.float64))
            max_abs_diff = max(max_abs_diff, float(np.nanmax(gaps)) if not np.isnan(gaps).all() else 0.0)
            if first is None:
                index = tuple(int(position) for position in np.argwhere(differs)[0])
                first = Difference(name, run, index, want[index].item(), have[index].item())
    return CheckReport(reference, len(expected), elements, mismatches, max_abs_diff, first)


def _differs(want: Array, have: Array) -> Array:
    if want.dtype.kind != "f":
        return np.asarray(want != have)
    bits = f"u{want.dtype.itemsize}"
    same = (np.ascontiguousarray(want).view(bits) == np.ascontiguousarray(have).view(bits)).reshape(want.shape)
    return np.asarray(~(same | (np.isnan(want) & np.isnan(have))))
