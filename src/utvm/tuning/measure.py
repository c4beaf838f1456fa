"""Schedules measured on a board: built, run, compared with the reference; failures are values."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from utvm.boards import Board
from utvm.codegen.program import Program
from utvm.errors import (
    CodegenError,
    CycleLimitError,
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
from utvm.operators.kernel_builder import one_at_a_time
from utvm.schedules import Schedule
from utvm.session.call_run import CallRun
from utvm.tuning.batch import Experiment
from utvm.tuning.records import Failure, FailureKind

Outcome = int | Failure
"""Core cycles of one call, or why there are none."""

_MESSAGE_CHARS = 400
# Of small operators calling and measuring takes more than the kernel.
_GRACE_CYCLES = 20_000
_KINDS: tuple[tuple[type[UtvmError], FailureKind], ...] = (
    (OutOfMemoryError, "out of memory"),
    (TransportTimeout, "timeout"),
    (CycleLimitError, "too slow"),
    (ScheduleError, "compile"),
    (CodegenError, "compile"),
    (ToolchainError, "compile"),
    (DeviceFault, "fault"),
    (KernelError, "fault"),
    (TransportError, "transport"),
    (VirtualBoardError, "transport"),
)
_FAILURES = tuple(kind for kind, _ in _KINDS)
_LOST = (TransportError, VirtualBoardError)


class MeasuringSession(Protocol):
    """A board with a program on it."""

    def run_call(
        self, index: int, inputs: Mapping[str, Array], timeout_s: float, most_cycles: int | None = None
    ) -> CallRun:
        """One run of one call on the program's inputs; where cycles can be limited, of `most_cycles` at most."""


class Opener(Protocol):
    """Builds a program and puts it on a board, for the time of a `with`. Called by several threads at once."""

    def __call__(self, program: Program) -> AbstractContextManager[MeasuringSession]:
        """A session for the program."""


@dataclass(frozen=True)
class Measurer:
    """Measures on boards that `opener` opens, each run within `timeout_s`.

    Where cycles can be limited, a schedule is given up when it takes `patience` times as many as the best.
    """

    board: Board
    opener: Opener
    timeout_s: float = 30.0
    patience: int = 3

    def measure(
        self, experiment: Experiment, schedules: Sequence[Schedule], best: int | None = None
    ) -> Iterator[tuple[Schedule, Outcome]]:
        """Each schedule with its outcome, as soon as that is known. `best` is what is to be beaten.

        They run one by one in one program. Where it cannot be built, its halves are; where the board may have been
        spoiled, the rest goes on in another session.
        """
        left = deque(schedules)
        while left:
            before = len(left)
            try:
                for schedule, outcome in self._in_one_program(experiment, left, best):
                    if isinstance(outcome, int):
                        best = outcome if best is None else min(best, outcome)
                    yield schedule, outcome
            except _LOST as error:
                if len(left) == before:  # not even reached
                    yield from ((schedule, _failure(error)) for schedule in left)
                    return
            except _FAILURES as error:
                if len(left) == 1:
                    yield left[0], _failure(error)
                    return
                half = len(left) // 2
                yield from self.measure(experiment, list(left)[:half], best)
                yield from self.measure(experiment, list(left)[half:], best)
                return

    def _in_one_program(
        self, experiment: Experiment, left: deque[Schedule], best: int | None
    ) -> Iterator[tuple[Schedule, Outcome]]:
        """Outcomes of schedules, which are taken off `left`, until one may have spoiled the board."""
        with one_at_a_time:
            program = experiment.program(self.board, left)
        with self.opener(program) as session:
            for index in range(len(left)):
                most = None if best is None else self.patience * best + _GRACE_CYCLES
                outcome, lost = self._outcome(session, experiment, index, most)
                yield left.popleft(), outcome
                if lost is not None:
                    raise lost
                if isinstance(outcome, int):
                    best = outcome if best is None else min(best, outcome)
                elif outcome.kind == "wrong answer":  # it may have been written elsewhere
                    return

    def _outcome(
        self, session: MeasuringSession, experiment: Experiment, index: int, most_cycles: int | None
    ) -> tuple[Outcome, UtvmError | None]:
        """The outcome, and the error after which the board cannot be used again."""
        try:
            run = session.run_call(index, experiment.inputs, self.timeout_s, most_cycles)
        except TransportTimeout as error:
            return _failure(error), None
        except _LOST as error:
            return _failure(error), error
        except _FAILURES as error:
            return _failure(error), None
        return _wrong(experiment, run.outputs, index) or run.cycles, None


def _wrong(experiment: Experiment, outputs: Mapping[str, Array], index: int) -> Failure | None:
    for place, truth in enumerate(experiment.truth):
        differing = int(np.count_nonzero(outputs[experiment.output_name(index, place)] != truth))
        if differing:
            return Failure("wrong answer", f"{differing} of {truth.size} elements of output {place} differ")
    return None


def _failure(error: UtvmError) -> Failure:
    kind = next(name for error_type, name in _KINDS if isinstance(error, error_type))
    return Failure(kind, str(error)[:_MESSAGE_CHARS])
