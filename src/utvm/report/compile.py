"""What a compiled program needs and consists of, before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from utvm.codegen.program import Program
from utvm.report.run import BoardSummary, ToolchainSummary, board_summary
from utvm.report.sizes import SizeReport, built_sizes, planned_sizes

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.toolchain import Compiler, ImageSizes


@dataclass(frozen=True, eq=False)
class CompileReport:
    """A program, its board, its sizes; `toolchain` is None if no image was built, `saved_to` if it was not saved."""

    program: Program
    board: BoardSummary
    sizes: SizeReport
    toolchain: ToolchainSummary | None
    saved_to: str | None


def compile_report(
    program: Program,
    board: Board,
    built: tuple[ImageSizes, Compiler] | None = None,
    saved_to: str | None = None,
) -> CompileReport:
    """The report of a program, and of its image if one was built."""
    if built is None:
        return CompileReport(program, board_summary(board), planned_sizes(board, program), None, saved_to)
    sizes, compiler = built
    toolchain = ToolchainSummary(compiler.kind, compiler.version)
    return CompileReport(program, board_summary(board), built_sizes(board, sizes), toolchain, saved_to)
