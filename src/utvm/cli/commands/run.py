"""`utvm run`: a model's answer from a board."""

from __future__ import annotations

from pathlib import Path

import click

from utvm.cli.boundary import EXIT_DONE, EXIT_FAILED
from utvm.cli.compilation import Compilation, compilation_options
from utvm.cli.options import (
    board_option,
    debug_option,
    json_option,
    memory_option,
    mode_option,
    model_argument,
    timing_option,
    toolchain_option,
    verbose_option,
    via_option,
)
from utvm.cli.services import Services, ToolchainChoice

_FILE = click.Path(path_type=Path)
_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("run", short_help="Run a model on a board and show its answer, cycles and memory.")
@model_argument
@board_option
@via_option
@mode_option
@click.option(
    "-i",
    "--input",
    "files",
    type=_EXISTING_FILE,
    multiple=True,
    help="A .npy file per model input, in order, or one .npz; stored integers or float32, one input or N of them.",
)
@click.option("--random", "random_runs", type=click.IntRange(min=1), help="Run on so many random inputs.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of random inputs.")
@click.option(
    "--reset-every",
    type=click.IntRange(min=1),
    help="For models with state: begin anew before every so many runs. Default: one sequence of all runs.",
)
@click.option("-o", "--output", type=_FILE, help="Write the outputs to this .npy (several outputs: .npz) file.")
@click.option("--check", is_flag=True, help="Compare every element with the reference; exit 1 if any differs.")
@click.option("--reference", type=_EXISTING_FILE, help="The model file of a saved program, for --check.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Longest time for one run, in seconds.",
)
@timing_option
@memory_option
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
    via: str | None,
    mode: str | None,
    files: tuple[Path, ...],
    random_runs: int | None,
    seed: int,
    reset_every: int | None,
    output: Path | None,
    check: bool,
    reference: Path | None,
    timeout_s: float,
    timing: str | None,
    memory: str,
    compilation: Compilation,
    toolchain: ToolchainChoice,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run MODEL on a board: a .tflite file, or a folder saved by `utvm compile -o`, which runs as it is.

    Without --input, one random input. A model with state keeps it from run to run.
    """  # fmt: skip
    from utvm.cli.arrays import check_output_path, read_inputs, write_outputs
    from utvm.cli.execution import execute, references
    from utvm.cli.model_argument import load_or_compile, reference_model
    from utvm.cli.output import emit_json, emit_text, note
    from utvm.cli.progress import open_progress
    from utvm.errors import UsageError
    from utvm.report.check import NUMPY_REFERENCE, compare_runs
    from utvm.report.json import run_json
    from utvm.report.run import run_report
    from utvm.report.text.run import run_text

    with open_progress(verbose) as progress:
        loaded = load_or_compile(model, board, progress.stage, compilation, toolchain)
        if output is not None:
            check_output_path(output, loaded.program.outputs)
        if reset_every is not None and not loaded.program.states:
            raise UsageError(f"--reset-every: {loaded.program.model} keeps nothing from run to run; leave it out")
        inputs = read_inputs(loaded.program, files, random_runs, seed)
        truth = reference_model(loaded, reference, progress.stage) if check else None
        opener = services.reaching(via, mode, timing, memory)
        done = execute(opener, loaded.program, loaded.board, inputs.runs, toolchain, timeout_s, progress, reset_every)
        checked = None
        if truth is not None:
            expected = references(truth, inputs.runs, progress, reset_every)
            checked = compare_runs(expected, done.outputs, NUMPY_REFERENCE)
    way = via or loaded.board.hosted.comms
    report = run_report(
        loaded.program, loaded.board, done.sizes, done.compiler, done.runs, inputs.source, checked, way, reset_every
    )  # fmt: skip
    if output is not None:
        write_outputs(output, done.outputs)
    if as_json:
        emit_json(run_json(report))
    else:
        emit_text(*run_text(report))
    if checked is not None and checked.mismatches:
        note(f"error: the board's answer differs from the reference: {checked}")
        return EXIT_FAILED
    return EXIT_DONE
