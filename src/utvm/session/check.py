"""Compare a hosted run with the reference layer by layer, and name the first layer that differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from utvm.model import Model
from utvm.model.tensor import Array
from utvm.operators import run_reference
from utvm.session.graph import GraphExecutor


@dataclass(frozen=True)
class LayerDifference:
    """The first layer whose result differs: how much of it, and the first element that does."""

    layer: str
    operator: str
    tensor: str
    mismatches: int
    elements: int
    index: tuple[int, ...]
    expected: float
    got: float

    def __str__(self) -> str:
        index = ", ".join(str(position) for position in self.index)
        return (
            f"layer {self.layer} ({self.operator}) differs in {self.mismatches:,} of {self.elements:,} elements of "
            f"{self.tensor}; first at [{index}]: expected {self.expected}, got {self.got}"
        )


def first_difference(executor: GraphExecutor, rewritten: Model, inputs: Mapping[str, Array]) -> LayerDifference | None:
    """The first layer whose output on the device is not the reference's, or None if all are equal, bit for bit.

    `rewritten` is the model that the program was assembled from (`utvm.rewrites.rewrite` of the imported one), whose
    tensors have the program's names. Layers behind the first difference are not run. States begin anew.
    """
    executor.reset()
    values = run_reference(rewritten, dict(inputs), keep=True)
    for index, _ in executor.steps(inputs):
        layer = executor.program.calls[index]
        for name in layer.outputs:
            difference = _compare(layer.layer, layer.operator, name, values[name], executor.read(name))
            if difference is not None:
                return difference
    return None


def _compare(layer: str, operator: str, tensor: str, want: Array, have: Array) -> LayerDifference | None:
    differs = want != have
    if want.dtype.kind == "f":
        differs &= ~(np.isnan(want) & np.isnan(have))
    count = int(np.count_nonzero(differs))
    if count == 0:
        return None
    index = tuple(int(position) for position in np.argwhere(differs)[0])
    return LayerDifference(layer, operator, tensor, count, want.size, index, want[index].item(), have[index].item())
