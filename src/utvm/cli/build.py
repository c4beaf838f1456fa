"""Build an image only to know its sizes, or run it once to know its cycles and stack too."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from utvm.cli.services import Stage, ToolchainChoice

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.cli.services import ImageOpener
    from utvm.codegen.program import Program
    from utvm.report.run import RunReport
    from utvm.toolchain import Compiler, Image


_TIMEOUT_S = 600.0


def build_only(program: Program, board: Board, toolchain: ToolchainChoice, stage: Stage) -> tuple[Image, Compiler]:
    """The program's image, whose file is gone, and the compiler that built it.

    Raises ToolchainError, OutOfMemoryError.
    """
    from utvm.session.standalone import build_program_image
    from utvm.toolchain import find_compiler

    compiler = find_compiler(board, toolchain)
    stage(f"Building the image with {compiler.kind}")
    with tempfile.TemporaryDirectory(prefix="utvm-build-") as folder:
        return build_program_image(program, board, Path(folder), compiler), compiler


def build_and_measure(
    open_session: ImageOpener, program: Program, board: Board, toolchain: ToolchainChoice, stage: Stage
) -> tuple[Image, Compiler, RunReport]:
    """The same, and the report of a run on random inputs: cycles hardly depend on them, and the stack does not."""
    from utvm.cli.arrays.inputs import random_inputs
    from utvm.report.run import run_report

    inputs = random_inputs(program, 1, 0)
    with open_session(program, board, toolchain, stage) as session:
        stage(f"Measuring a run on {board.name}")
        run = session.run(inputs.runs[0], timeout_s=_TIMEOUT_S)
        image, compiler = session.image, session.compiler
    return image, compiler, run_report(program, board, image.sizes, compiler, [run], inputs.source)
