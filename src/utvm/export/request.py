"""What every format is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from utvm.boards import Board
from utvm.export.library import Library
from utvm.model.tensor import Array


@dataclass(frozen=True, eq=False)
class Sample:
    """Inputs by tensor name that a project runs, and the outputs expected of them, if known."""

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array] | None = None


@dataclass(frozen=True, eq=False)
class ExportRequest:
    """A library, the board it was compiled for, and what its example runs."""

    library: Library
    board: Board
    sample: Sample
