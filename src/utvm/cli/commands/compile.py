"""`utvm compile`: a model as C for a board, with its memory plan."""

from __future__ import annotations

from pathlib import Path

import click

from utvm.cli.compilation import Compilation, compilation_options
from utvm.cli.options import (
    board_option,
    debug_option,
    json_option,
    model_argument,
    toolchain_option,
    verbose_option,
)
from utvm.cli.services import Services, ToolchainChoice


@click.command("compile", short_help="Compile a model for a board; show and save what it becomes.")
@model_argument
@board_option
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Save the program as a folder.")
@click.option("--no-build", is_flag=True, help="Leave out the C compiler, and with it the size of the code.")
@click.option("--no-run", is_flag=True, help="Leave out the run on the virtual board, and with it cycles and stack.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Also write the report as a web page.")
@compilation_options
@toolchain_option
@verbose_option
@json_option
@debug_option
@click.pass_obj
def command(
    services: Services,
    model: Path,
    board: str | None,
    output: Path | None,
    no_build: bool,
    no_run: bool,
    html: Path | None,
    compilation: Compilation,
    toolchain: ToolchainChoice,
    verbose: bool,
    as_json: bool,
) -> None:
    """Compile MODEL, a .tflite file, to C for a board and say what it needs there: where every byte goes, and for a
    virtual board the cycles of each layer and the stack of a run.

    The folder of -o holds the C, the constants and the memory plan; `utvm run FOLDER` runs it.
    """
    from utvm.cli.build import build_and_measure, build_only
    from utvm.cli.model_argument import load_or_compile
    from utvm.cli.output import emit_json, emit_text
    from utvm.cli.progress import open_progress
    from utvm.report.compile import compile_report
    from utvm.report.json import compile_json
    from utvm.report.text.compile import compile_text

    with open_progress(verbose) as progress:
        loaded = load_or_compile(model, board, progress.stage, compilation, toolchain)
        program, target = loaded.program, loaded.board
        built, run = None, None
        if not no_build and not no_run and target.hosted.comms == "virtual":
            image, compiler, run = build_and_measure(services.open_session, program, target, toolchain, progress.stage)
            built = image, compiler
        elif not no_build:
            built = build_only(program, target, toolchain, progress.stage)
        if output is not None:
            from utvm.codegen.program_io import save_program

            progress.stage(f"Saving {output}")
            save_program(program, output)
    report = compile_report(program, target, built, None if output is None else str(output), run)
    if html is not None:
        from utvm.report.html import write_page

        write_page(report, html)
    if as_json:
        emit_json(compile_json(report))
    else:
        emit_text(*compile_text(report))
