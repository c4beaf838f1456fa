"""What a compiled program needs and consists of, and how one run of it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from utvm.codegen.program import Program
from utvm.report.code_sizes import CodeSizes, code_sizes
from utvm.report.run import BoardSummary, RunReport, ToolchainSummary, board_summary
from utvm.report.sizes import SizeReport, built_sizes, planned_sizes

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.toolchain import Compiler, Image


@dataclass(frozen=True, eq=False)
class CompileReport:
    """A program, its board, its sizes; `saved_to` is None if it was not saved.

    `toolchain` and `code` are None if no image was built, `run` if none was measured.
    """

    program: Program
    board: BoardSummary
    sizes: SizeReport
    toolchain: ToolchainSummary | None
    saved_to: str | None
    code: CodeSizes | None = None
    run: RunReport | None = None


def compile_report(
    program: Program,
    board: Board,
    built: tuple[Image, Compiler] | None = None,
    saved_to: str | None = None,
    run: RunReport | None = None,
) -> CompileReport:
    """The report of a program, of its image if one was built, and of a run of that image if there was one."""
    if built is None:
        return CompileReport(program, board_summary(board), planned_sizes(board, program), None, saved_to)
    image, compiler = built
    toolchain = ToolchainSummary(compiler.kind, compiler.version)
    sizes = built_sizes(board, image.sizes) if run is None else run.sizes
    return CompileReport(program, board_summary(board), sizes, toolchain, saved_to, code_sizes(program, image), run)
