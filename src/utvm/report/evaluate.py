"""How well a model classifies labelled data on a board, and whether it answers there as its reference does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from utvm.errors import UsageError
from utvm.model.tensor import Array
from utvm.report.check import CheckReport
from utvm.report.run import RunReport

Classes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """A run of n inputs; `labels` and `predictions` are (n,) class numbers below `classes`.

    `reference_predictions` and the run's check are None where the reference was left out.
    """

    run: RunReport
    classes: int
    labels: Classes
    predictions: Classes
    reference_predictions: Classes | None

    @property
    def correct(self) -> int:
        """Inputs whose predicted class is the label."""
        return int(np.count_nonzero(self.predictions == self.labels))

    @property
    def accuracy(self) -> float:
        """Share of correct predictions."""
        return self.correct / len(self.labels)

    @property
    def confusion(self) -> Classes:
        """(classes, classes): how often an input of the row's class was taken for the column's."""
        counts = np.zeros((self.classes, self.classes), dtype=np.int64)
        np.add.at(counts, (self.labels, self.predictions), 1)
        return counts

    @property
    def agreeing(self) -> int | None:
        """Inputs for which board and reference predict the same class."""
        if self.reference_predictions is None:
            return None
        return int(np.count_nonzero(self.predictions == self.reference_predictions))

    @property
    def check(self) -> CheckReport | None:
        """Board against reference, element by element."""
        return self.run.check


def evaluation_report(
    run: RunReport, labels: Array, reference: list[dict[str, Array]] | None, steps: int = 1
) -> EvaluationReport:
    """The report of a run whose first output holds a score per class. Raises UsageError if labels do not fit.

    Each label is for so many runs in a row, of which the last one's answer counts.
    """
    output = run.outputs[0]
    scores = output.stored.reshape(run.runs, -1)[steps - 1 :: steps]
    classes = scores.shape[1]
    if classes < 2:
        raise UsageError(f"output {output.tensor.name} holds one value per input: no classes to choose from")
    checked = check_labels(labels, len(scores), classes)
    expected = None
    if reference is not None:
        stored = np.stack([outputs[output.tensor.name].reshape(-1) for outputs in reference[steps - 1 :: steps]])
        expected = stored.argmax(axis=1).astype(np.int64)
    return EvaluationReport(run, classes, checked, scores.argmax(axis=1).astype(np.int64), expected)


def check_labels(labels: Array, count: int, classes: int) -> Classes:
    """The labels as (count,) class numbers; one of several extents is taken as one-hot. Raises UsageError."""
    flat = labels
    if labels.ndim == 2 and labels.shape[1] == classes and classes > 1:
        flat = labels.argmax(axis=1)
    flat = flat.reshape(-1)
    if flat.dtype.kind not in "iu" or len(flat) != count:
        raise UsageError(
            f"labels: {labels.dtype.name}{list(labels.shape)}; wanted are {count} integers, one class number per input"
        )
    if count and not 0 <= int(flat.min()) <= int(flat.max()) < classes:
        raise UsageError(f"labels: from {flat.min()} to {flat.max()}, but the model has classes 0 to {classes - 1}")
    checked: Classes = flat.astype(np.int64)
    return checked


def evaluation_json(report: EvaluationReport) -> dict[str, object]:
    """`utvm evaluate --json`, beside the keys of a run."""
    return {
        "images": len(report.labels),
        "classes": report.classes,
        "correct": report.correct,
        "accuracy": report.accuracy,
        "confusion": report.confusion.tolist(),
        "agreeing": report.agreeing,
        "labels": report.labels.tolist(),
        "predictions": report.predictions.tolist(),
    }
