"""Build an image only to know its sizes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from utvm.cli.services import Stage, ToolchainChoice

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.codegen.program import Program
    from utvm.toolchain import Compiler, ImageSizes


def build_sizes(
    program: Program, board: Board, toolchain: ToolchainChoice, stage: Stage
) -> tuple[ImageSizes, Compiler]:  # fmt: skip
    """Sizes of the program's image, and the compiler that built it. Raises ToolchainError, OutOfMemoryError."""
    from utvm.session.standalone import build_program_image
    from utvm.toolchain import find_compiler

    compiler = find_compiler(board, toolchain)
    stage(f"Building the image with {compiler.kind}")
    with tempfile.TemporaryDirectory(prefix="utvm-build-") as folder:
        return build_program_image(program, board, Path(folder), compiler).sizes, compiler
