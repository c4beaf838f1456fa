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
) -> Execution:
    """Build and load the program, run it once per input, each run within `timeout_s`."""
    with open_session(program, board, toolchain, progress.stage) as session:
        label = f"Running on {board.name}"
        runs = tuple(session.run(one, timeout_s=timeout_s) for one in progress.steps(label, inputs))
        return Execution(runs, session.sizes, session.compiler)


def references(model: Model, inputs: Sequence[Mapping[str, Array]], progress: Progress) -> list[dict[str, Array]]:
    """The outputs of every run as the operators' numpy references give them."""
    from utvm.operators import run_reference

    steps = progress.steps("Computing the reference on this machine", inputs)
    return [run_reference(model, dict(one)) for one in steps]
