"""`utvm profile`: where a model's cycles go on a board."""

from __future__ import annotations

from pathlib import Path

import click

from utvm.cli.boundary import EXIT_DONE
from utvm.cli.options import (
    board_option,
    debug_option,
    json_option,
    memory_option,
    model_argument,
    timing_option,
    toolchain_option,
    verbose_option,
)
from utvm.cli.services import Services, ToolchainChoice

_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("profile", short_help="Show where a model's cycles go: layers, functions, basic blocks.")
@model_argument
@board_option
@click.option(
    "-i", "--input", "files", type=_EXISTING_FILE, multiple=True,
    help="A .npy file per model input, in order, or one .npz, as `utvm run` has it. Default: random values.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of random inputs.")
@click.option("--hot", is_flag=True, help="Also by function and basic block, with code and what cycles were lost to.")
@click.option(
    "--functions", "functions_shown", type=click.IntRange(min=1), default=8, show_default=True,
    help="With --hot: show so many functions; --json has all.",
)  # fmt: skip
@click.option(
    "--blocks", "blocks_shown", type=click.IntRange(min=0), default=2, show_default=True,
    help="With --hot: show so many blocks of each function; --json has all.",
)  # fmt: skip
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
    help="Longest time for the run, in seconds.",
)  # fmt: skip
@timing_option
@memory_option
@toolchain_option
@verbose_option
@json_option
@debug_option
@click.pass_obj
def command(
    services: Services,
    model: Path,
    board: str | None,
    files: tuple[Path, ...],
    seed: int,
    hot: bool,
    functions_shown: int,
    blocks_shown: int,
    timeout_s: float,
    timing: str | None,
    memory: str,
    toolchain: ToolchainChoice,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run MODEL once on a virtual board, and show the cycles of its layers.

    With --hot also those of functions and basic blocks, their instructions, and the issue slots they lost.
    """
    from utvm.cli.arrays import read_inputs
    from utvm.cli.model_argument import load_or_compile
    from utvm.cli.output import emit_json, emit_text
    from utvm.cli.progress import open_progress
    from utvm.errors import UsageError
    from utvm.report.profile import profile_report
    from utvm.report.profile_json import profile_json
    from utvm.report.run import run_report
    from utvm.report.text.profile import profile_text

    with open_progress(verbose) as progress:
        loaded = load_or_compile(model, board, progress.stage)
        inputs = read_inputs(loaded.program, files, None, seed)
        if len(inputs.runs) != 1:
            raise UsageError(f"profile takes one input, not {len(inputs.runs)}")
        opener = services.counting(timing, memory)
        with opener(loaded.program, loaded.board, toolchain, progress.stage) as session:
            progress.stage(f"Running on {loaded.board.name}")
            profile = session.profile(inputs.runs[0], timeout_s) if hot else None
            run = session.run(inputs.runs[0], timeout_s) if profile is None else profile.run
            image, compiler = session.image, session.compiler
        report = profile_report(
            run_report(loaded.program, loaded.board, image.sizes, compiler, [run], inputs.source),
            loaded.program, image.elf, profile,
        )  # fmt: skip
    if as_json:
        emit_json(profile_json(report))
    else:
        emit_text(*profile_text(report, functions_shown, blocks_shown))
    return EXIT_DONE
