"""What the demo found: digits read by the virtual board, against their labels and LiteRT's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from utvm.demo import Digits
from utvm.model.tensor import Array
from utvm.report.check import CheckReport, compare_runs
from utvm.report.run import RunReport

REFERENCE = "LiteRT's stored answers"


@dataclass(frozen=True, eq=False)
class DemoReport:
    """The run on the first `len(labels)` held-out images, (n, 8, 8) with 0 paper and 16 ink."""

    run: RunReport
    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    predictions: npt.NDArray[np.intp]
    agreement: CheckReport

    @property
    def correct(self) -> int:
        """Images whose predicted digit is the label."""
        return int(np.count_nonzero(self.predictions == self.labels))

    @property
    def accuracy(self) -> float:
        """Share of correct images."""
        return self.correct / len(self.labels)


def compare_with_stored(digits: Digits, output: str, outputs: Sequence[dict[str, Array]]) -> CheckReport:
    """Compare the board's answers to the first images with LiteRT's, byte for byte."""
    stored = [{output: answer.reshape(run[output].shape)} for answer, run in zip(digits.answers, outputs, strict=False)]
    return compare_runs(stored, outputs, REFERENCE)


def demo_report(run: RunReport, digits: Digits, agreement: CheckReport) -> DemoReport:
    """The report of a run on the first images; the run's only output holds the scores of the ten digits."""
    scores: npt.NDArray[Any] = run.outputs[0].stored.reshape(run.runs, -1)
    count = len(scores)
    return DemoReport(run, digits.pixels[:count], digits.labels[:count], scores.argmax(axis=1), agreement)
