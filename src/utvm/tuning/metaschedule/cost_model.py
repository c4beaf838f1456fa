"""A guess of the cycles that a trace takes, from its tile sizes: what evolution selects by between measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from utvm.model import Array

_RIDGE = 0.1
# Of a guess about a sketch of which nothing was measured, in powers of e.
_UNKNOWN = 0.2


class TileRegression:
    """Ridge regression of log cycles on logarithms of tile sizes and their squares, one per sketch."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._measured: dict[int, tuple[list[list[float]], list[float]]] = {}

    def learn(self, tiles: Sequence[int], sketch: int, cycles: float) -> None:
        """Take a measurement in; `sketch` tells traces of different structure apart."""
        rows, logs = self._measured.setdefault(sketch, ([], []))
        rows.append(_features(tiles))
        logs.append(math.log(cycles))

    def guess(self, tiles: Sequence[int], sketch: int) -> float:
        """The logarithm of the cycles, as far as it can be told."""
        if sketch not in self._measured:
            known = [value for _, logs in self._measured.values() for value in logs]
            typical = float(np.median(known)) if known else 0.0
            return typical + float(self._random.normal(0.0, _UNKNOWN))
        rows, logs = np.array(self._measured[sketch][0]), np.array(self._measured[sketch][1])
        mean = float(logs.mean())
        weights = np.linalg.solve(rows.T @ rows + _RIDGE * np.eye(rows.shape[1]), rows.T @ (logs - mean))
        return mean + float(np.array(_features(tiles)) @ weights)


def _features(tiles: Sequence[int]) -> list[float]:
    logs = [math.log2(tile) for tile in tiles]
    return [1.0, *logs, *(value * value for value in logs)]


def cost_model(seed: int) -> Any:
    """The regression as a tvm CostModel."""
    from tvm.ir.utils import derived_object
    from tvm.s_tir.meta_schedule.cost_model import PyCostModel

    @derived_object
    class _Model(PyCostModel):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.regression = TileRegression(seed)

        def update(self, context: Any, candidates: Sequence[Any], results: Sequence[Any]) -> None:
            del context
            for candidate, result in zip(candidates, results, strict=True):
                if result.run_secs:
                    self.regression.learn(*_described(candidate), float(result.run_secs[0]))

        def predict(self, context: Any, candidates: Sequence[Any]) -> Array:
            del context
            return np.array([-self.regression.guess(*_described(candidate)) for candidate in candidates])

        # Part of TVM's interface, which a search never calls: records hold what was learnt.
        def load(self, path: str) -> None:
            raise NotImplementedError

        def save(self, path: str) -> None:
            raise NotImplementedError

    return _Model()


def _described(candidate: Any) -> tuple[list[int], int]:
    """The inner tile sizes of a candidate's trace, and a number for its structure."""
    trace = candidate.sch.trace
    tiles = [int(decision[-1]) for decision in trace.decisions.values()]
    structure = tuple((instruction.kind.name, len(instruction.inputs)) for instruction in trace.insts)
    return tiles, hash(structure)
