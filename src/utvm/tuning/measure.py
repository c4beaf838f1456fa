"""Schedules measured on a board: built, run, compared with the reference; failures are values."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from utvm.boards import Board
from utvm.codegen.program import Program
from utvm.errors import (
    CodegenError,
    DeviceFault,
    KernelError,
    OutOfMemoryError,
    ScheduleError,
    ToolchainError,
    TransportError,
    TransportTimeout,
    UtvmError,
    VirtualBoardError,
)
from utvm.model import Array
from utvm.schedules import Schedule
from utvm.session.standalone import Run
from utvm.tuning.batch import Experiment
from utvm.tuning.records import Failure, FailureKind

Outcome = int | Failure
"""Core cycles of one call, or why there are none."""

_MESSAGE_CHARS = 400
_KINDS: tuple[tuple[type[UtvmError], FailureKind], ...] = (
    (OutOfMemoryError, "out of memory"),
    (TransportTimeout, "timeout"),
    (ScheduleError, "compile"),
    (CodegenError, "compile"),
    (ToolchainError, "compile"),
    (DeviceFault, "fault"),
    (KernelError, "fault"),
    (TransportError, "transport"),
    (VirtualBoardError, "transport"),
)
_FAILURES = tuple(kind for kind, _ in _KINDS)
# TVM's builders keep state of their own; Python generates one kernel at a time anyway.
_generating = threading.Lock()


class MeasuringSession(Protocol):
    """A board with a program on it."""

    def run(self, inputs: Mapping[str, Array], timeout_s: float = ...) -> Run:
        """One run on inputs by name."""


class Opener(Protocol):
    """Builds a program and puts it on a board, for the time of a `with`. Called by several threads at once."""

    def __call__(self, program: Program) -> AbstractContextManager[MeasuringSession]:
        """A session for the program."""


@dataclass(frozen=True)
class Measurer:
    """Measures on boards that `opener` opens, each run within `timeout_s`."""

    board: Board
    opener: Opener
    timeout_s: float = 30.0

    def measure(self, experiment: Experiment, schedules: Sequence[Schedule]) -> list[Outcome]:
        """An outcome per schedule. All run in one program; unless every one is right, each also runs alone."""
        try:
            outcomes = self._together(experiment, schedules)
        except _FAILURES as error:
            if len(schedules) == 1:
                return [_failure(error)]
            outcomes = None
        # A wrong or faulty kernel may have spoiled its neighbours' memory.
        if len(schedules) > 1 and (outcomes is None or any(isinstance(outcome, Failure) for outcome in outcomes)):
            return [self.measure(experiment, [schedule])[0] for schedule in schedules]
        return outcomes or []

    def _together(self, experiment: Experiment, schedules: Sequence[Schedule]) -> list[Outcome]:
        with _generating:
            program = experiment.program(self.board, schedules)
        with self.opener(program) as session:
            run = session.run(experiment.inputs, timeout_s=self.timeout_s)
        return [
            _wrong(experiment, run.outputs, index) or cycles
            for index, cycles in zip(range(len(schedules)), run.layer_cycles, strict=True)
        ]


def _wrong(experiment: Experiment, outputs: Mapping[str, Array], index: int) -> Failure | None:
    for place, truth in enumerate(experiment.truth):
        differing = int(np.count_nonzero(outputs[experiment.output_name(index, place)] != truth))
        if differing:
            return Failure("wrong answer", f"{differing} of {truth.size} elements of output {place} differ")
    return None


def _failure(error: UtvmError) -> Failure:
    kind = next(name for error_type, name in _KINDS if isinstance(error, error_type))
    return Failure(kind, str(error)[:_MESSAGE_CHARS])
