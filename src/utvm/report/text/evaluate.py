"""An evaluation as text: accuracy, confusion, agreement, time."""

from __future__ import annotations

import numpy as np
from rich.console import RenderableType
from rich.table import Table

from utvm.report.evaluate import EvaluationReport
from utvm.report.text.run import cycles_line, heading
from utvm.report.text.tables import table

_SHOWN_CLASSES = 16
_SHOWN_CONFUSIONS = 10


def evaluation_text(report: EvaluationReport) -> list[RenderableType]:
    """What the model got right, what it takes for what, whether the board answers as the reference."""
    count = len(report.labels)
    parts: list[RenderableType] = [
        heading(report.run),
        f"\naccuracy:  {report.correct:,} of {count:,} as labelled ({report.accuracy:.2%})",
    ]
    if report.agreeing is not None:
        parts.append(f"agreement: {report.agreeing:,} of {count:,} the same class as the reference's")
    if report.check is not None:
        parts.append(f"check:     {report.check}")
    parts.append(_matrix(report) if report.classes <= _SHOWN_CLASSES else _largest(report))
    parts.append(cycles_line(report.run))
    return parts


def _matrix(report: EvaluationReport) -> Table:
    columns = [str(number) for number in range(report.classes)]
    made = table("label \\ predicted", *columns, "right", right=(*columns, "right"))
    for label, row in enumerate(report.confusion):
        total = int(row.sum())
        share = f"{row[label] / total:.1%}" if total else "-"
        made.add_row(str(label), *(str(number) if number else "." for number in row), share)
    return made


def _largest(report: EvaluationReport) -> Table:
    """The commonest mistakes, where a matrix would be too wide to read."""
    wrong = report.confusion.copy()
    np.fill_diagonal(wrong, 0)
    made = table("label", "predicted", "times", right=("label", "predicted", "times"))
    for index in np.argsort(-wrong, axis=None, kind="stable")[:_SHOWN_CONFUSIONS]:
        label, predicted = np.unravel_index(index, wrong.shape)
        if wrong[label, predicted]:
            made.add_row(str(label), str(predicted), str(wrong[label, predicted]))
    return made
