"""`utvm export`: a model as a C library, or as a project that builds as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from utvm.cli.compilation import Compilation, compilation_options
from utvm.cli.options import (
    board_option,
    debug_option,
    json_option,
    model_argument,
    verbose_option,
)

if TYPE_CHECKING:
    from utvm.cli.model_argument import LoadedProgram
    from utvm.cli.services import Stage
    from utvm.export import Sample

# utvm.export's, which must not be imported before the command runs: a test compares them.
FORMATS = ("c", "cmake", "zephyr", "arduino", "platformio", "esp-idf", "cmsis-pack", "archive")
ARENAS = ("caller", "static")

_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("export", short_help="Write a model as a C library, or as a project around it.")
@model_argument
@board_option
@click.option("-f", "--format", "format_name", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), required=True,
    help="Folder to write to: new, empty, or of an earlier export.",
)  # fmt: skip
@click.option("--prefix", help="What all global names begin with. Default: the model's file name.")
@click.option(
    "--arena", type=click.Choice(ARENAS), default="caller", show_default=True,
    help="Whose memory activations take: the application's, which it may share, or the library's own.",
)  # fmt: skip
@click.option(
    "--section", "sections", metavar="NAME=.SECTION", multiple=True,
    help="Linker section of `constants`, or of the static arena in a RAM region.",
)  # fmt: skip
@click.option(
    "-i", "--input", "files", type=_EXISTING_FILE, multiple=True,
    help="Inputs that the project's example runs, as `utvm run` takes them. Default: random ones.",
)  # fmt: skip
@compilation_options
@click.option("--force", is_flag=True, help="Overwrite files that were changed since the last export.")
@verbose_option
@json_option
@debug_option
def command(
    model: Path,
    board: str | None,
    format_name: str,
    output: Path,
    prefix: str | None,
    arena: str,
    sections: tuple[str, ...],
    files: tuple[Path, ...],
    compilation: Compilation,
    force: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Write MODEL, a .tflite file or a folder saved by `utvm compile -o`, for use without a host.

    The code needs a C99 compiler and nothing else: no heap, stdio or libm. The README.md in the folder says how to
    use it.
    """
    from utvm.cli.model_argument import load_or_compile
    from utvm.cli.output import emit_json, emit_text
    from utvm.cli.progress import open_progress
    from utvm.export import ARENAS, ExportRequest, format_files, library_options, make_library, write_export
    from utvm.report.export import export_json, export_text

    with open_progress(verbose) as progress:
        loaded = load_or_compile(model, board, progress.stage, compilation)
        chosen = library_options(loaded.program, prefix, ARENAS[ARENAS.index(arena)], sections)
        progress.stage(f"Writing {output}")
        library = make_library(loaded.program, chosen)
        request = ExportRequest(library, loaded.board, _sample(loaded, files, progress.stage))
        written = format_files(format_name, request)
        write_export(written, output, force)
    if as_json:
        emit_json(export_json(library, format_name, output, list(written)))
    else:
        emit_text(*export_text(library, format_name, output, list(written)))


def _sample(loaded: LoadedProgram, files: tuple[Path, ...], stage: Stage) -> Sample:
    """The first of the given inputs, or a random one; its outputs where the model is there to compute them."""
    from utvm.cli.arrays import read_inputs
    from utvm.export import Sample

    inputs = read_inputs(loaded.program, files, None, 0).runs[0]
    if loaded.model is None:
        return Sample(inputs)
    from utvm.operators import run_reference

    stage("Computing the outputs that the example expects")
    return Sample(inputs, run_reference(loaded.model, inputs))
