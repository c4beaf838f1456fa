"""`utvm compile`: a model as C for a board, with its memory plan."""

from __future__ import annotations

from pathlib import Path

import click

from utvm.cli.options import (
    board_option,
    debug_option,
    json_option,
    model_argument,
    toolchain_option,
    verbose_option,
)
from utvm.cli.services import ToolchainChoice


@click.command("compile", short_help="Compile a model for a board; show and save what it becomes.")
@model_argument
@board_option
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Save the program as a folder.")
@click.option("--no-build", is_flag=True, help="Leave out the C compiler, and with it the size of the code.")
@toolchain_option
@verbose_option
@json_option
@debug_option
def command(
    model: Path,
    board: str | None,
    output: Path | None,
    no_build: bool,
    toolchain: ToolchainChoice,
    verbose: bool,
    as_json: bool,
) -> None:
    """Compile MODEL, a .tflite file, to C for a board and say what it needs there.

    The folder of -o holds the C, the constants and the memory plan; `utvm run FOLDER` runs it.
    """
    from utvm.cli.build import build_sizes
    from utvm.cli.model_argument import load_or_compile
    from utvm.cli.output import emit_json, emit_text
    from utvm.cli.progress import open_progress
    from utvm.report.compile import compile_report
    from utvm.report.json import compile_json
    from utvm.report.text.compile import compile_text

    with open_progress(verbose) as progress:
        loaded = load_or_compile(model, board, progress.stage)
        built = None if no_build else build_sizes(loaded.program, loaded.board, toolchain, progress.stage)
        if output is not None:
            from utvm.codegen.program_io import save_program

            progress.stage(f"Saving {output}")
            save_program(loaded.program, output)
    report = compile_report(loaded.program, loaded.board, built, None if output is None else str(output))
    if as_json:
        emit_json(compile_json(report))
    else:
        emit_text(*compile_text(report))
