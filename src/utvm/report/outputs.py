"""A model's outputs as its user thinks of them: real values, and the class they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from utvm.codegen.program import PlacedTensor, Program
from utvm.model.tensor import Array

# A softmax in int8 has steps of 1/256, so that many classes add up to a little more or less than one.
_PROBABILITY_SUM_TOLERANCE = 0.1


@dataclass(frozen=True, eq=False)
class OutputReport:
    """One output in all runs: stored values (runs, *shape) and the reals they stand for, the same shape, float64."""

    tensor: PlacedTensor
    stored: Array
    reals: Array

    def top_class(self, run: int) -> int | None:
        """Index of the largest value in a run, if the values are probabilities of classes; else None."""
        values = self.reals[run].ravel()
        extents = [extent for extent in self.tensor.shape if extent != 1]
        if len(extents) != 1 or not np.isfinite(values).all() or values.min() < 0:
            return None
        return int(values.argmax()) if abs(values.sum() - 1) <= _PROBABILITY_SUM_TOLERANCE else None


def output_reports(program: Program, runs: Sequence[Mapping[str, Array]]) -> tuple[OutputReport, ...]:
    """The outputs of all runs, in the model's order."""
    reports = []
    for name in program.outputs:
        tensor = program.tensor(name)
        stored = np.stack([run[name] for run in runs])
        reports.append(OutputReport(tensor, stored, dequantize(stored, tensor)))
    return tuple(reports)


def dequantize(stored: Array, tensor: PlacedTensor) -> Array:
    """The real values of stored ones; `stored` has the runs as an extent before the tensor's own."""
    reals = stored.astype(np.float64)
    quantization = tensor.quantization
    if quantization is None or tensor.dtype == "float32":
        return reals
    scales, zero_points = np.array(quantization.scales), np.array(quantization.zero_points, dtype=np.float64)
    if quantization.per_channel:
        extents = [1] * stored.ndim
        extents[1 + quantization.axis] = len(scales)
        scales, zero_points = scales.reshape(extents), zero_points.reshape(extents)
    return np.asarray((reals - zero_points) * scales)
