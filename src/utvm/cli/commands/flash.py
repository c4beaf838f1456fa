"""`utvm flash`: a model's firmware onto a board, to stay there."""

from __future__ import annotations

from pathlib import Path

import click

from utvm.cli.boundary import EXIT_DONE, EXIT_FAILED
from utvm.cli.compilation import Compilation, compilation_options
from utvm.cli.options import (
    board_option,
    debug_option,
    json_option,
    model_argument,
    toolchain_option,
    verbose_option,
    via_option,
)
from utvm.cli.services import ToolchainChoice

_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("flash", short_help="Program a model's firmware into a board's flash, verify it, and run it.")
@model_argument
@board_option
@via_option
@click.option(
    "-i", "--input", "files", type=_EXISTING_FILE, multiple=True,
    help="Inputs that the firmware runs, as `utvm run` takes them. Default: random ones.",
)  # fmt: skip
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
    help="Longest time for the run, in seconds.",
)  # fmt: skip
@compilation_options
@toolchain_option
@verbose_option
@json_option
@debug_option
def command(
    model: Path,
    board: str | None,
    via: str | None,
    files: tuple[Path, ...],
    timeout_s: float,
    compilation: Compilation,
    toolchain: ToolchainChoice,
    verbose: bool,
    as_json: bool,
) -> int:
    """Build the firmware of `utvm export --format cmake` for MODEL, program and verify it, reset, and print its answer.

    The firmware stays on the board and runs its stored input after every reset. Exit status 1 if its answer is not as
    expected.
    """
    import tempfile

    from utvm.cli.arrays import read_inputs
    from utvm.cli.model_argument import load_or_compile
    from utvm.cli.output import emit_json, emit_text, note
    from utvm.cli.progress import open_progress
    from utvm.export import ExportRequest, Sample, library_options, make_library
    from utvm.export.firmware import build_firmware, program_board, run_firmware
    from utvm.operators import run_reference
    from utvm.report.flash import flash_json, flash_text
    from utvm.toolchain import find_compiler
    from utvm.transports.opening import open_transport

    with open_progress(verbose) as progress, tempfile.TemporaryDirectory(prefix="utvm-flash-") as folder:
        loaded = load_or_compile(model, board, progress.stage, compilation, toolchain)
        inputs = read_inputs(loaded.program, files, None, 0).runs[0]
        expected = None if loaded.model is None else run_reference(loaded.model, inputs)
        library = make_library(loaded.program, library_options(loaded.program))
        request = ExportRequest(library, loaded.board, Sample(inputs, expected))
        compiler = find_compiler(loaded.board, toolchain)
        progress.stage(f"Building the firmware with {compiler.kind}")
        elf = build_firmware(request, compiler, Path(folder))
        progress.stage(f"Connecting to {loaded.board.name}")
        with open_transport(loaded.board, via) as transport:
            progress.stage("Programming and verifying")
            program_board(elf, transport)
            progress.stage("Running")
            result = run_firmware(request, elf, transport, timeout_s)
            transport.reset()
    written = sum(len(segment.data) for segment in elf.segments)
    if as_json:
        emit_json(flash_json(request, result, written))
    else:
        emit_text(*flash_text(request, result, written))
    if result.status != 0 or result.mismatches:
        note(f"error: the firmware's run gave status {result.status} and {result.mismatches} mismatches")
        return EXIT_FAILED
    return EXIT_DONE
