"""Run a program on all inputs, and its reference beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from utvm.cli.progress import Progress
from utvm.cli.services import SessionOpener, ToolchainChoice

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.codegen.program import Program
    from utvm.model import Array, Model
    from utvm.session.standalone import Run
    from utvm.toolchain import Compiler, ImageSizes


@dataclass(frozen=True, eq=False)
class Execution:
    """All runs on a board, and what ran."""

    runs: tuple[Run, ...]
    sizes: ImageSizes
    compiler: Compiler

    @property
    def outputs(self) -> list[dict[str, Array]]:
        """Outputs by name of each run."""
        return [run.outputs for run in self.runs]


def execute(
    open_session: SessionOpener,
    program: Program,
    board: Board,
    inputs: Sequence[Mapping[str, Array]],
    toolchain: ToolchainChoice,
    timeout_s: float,
    progress: Progress,
    reset_every: int | None = None,
) -> Execution:
    """Build and load the program, run it once per input, each run within `timeout_s`.

    A program's states are kept from run to run; they begin anew before every `reset_every`-th one.
    """
    with open_session(program, board, toolchain, progress.stage) as session:
        runs = []
        for index, one in enumerate(progress.steps(f"Running on {board.name}", inputs)):
            if program.states and _begins(index, reset_every):
                session.reset()
            runs.append(session.run(one, timeout_s=timeout_s))
        return Execution(tuple(runs), session.sizes, session.compiler)


def references(
    model: Model, inputs: Sequence[Mapping[str, Array]], progress: Progress, reset_every: int | None = None
) -> list[dict[str, Array]]:
    """The outputs of every run as the operators' numpy references give them, states kept and begun anew likewise."""
    from utvm.operators import ReferenceSequence

    sequence = ReferenceSequence(model)
    outputs = []
    for index, one in enumerate(progress.steps("Computing the reference on this machine", inputs)):
        if _begins(index, reset_every):
            sequence.reset()
        outputs.append(sequence.run(dict(one)))
    return outputs


def _begins(index: int, reset_every: int | None) -> bool:
    """Whether a run is the first of a sequence behind another one."""
    return index > 0 and reset_every is not None and index % reset_every == 0
