"""`utvm profile`: where a model's cycles go on a board."""

from __future__ import annotations

from pathlib import Path

import click

from utvm.cli.boundary import EXIT_DONE
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
@via_option
@mode_option
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
    files: tuple[Path, ...],
    seed: int,
    hot: bool,
    functions_shown: int,
    blocks_shown: int,
    timeout_s: float,
    via: str | None,
    mode: str | None,
    timing: str | None,
    memory: str,
    compilation: Compilation,
    toolchain: ToolchainChoice,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run MODEL once on a board, and show the cycles of its layers.

    With --hot, on virtual boards, also those of functions and basic blocks, their instructions, and the issue slots
    they lost.
    """
    from utvm.cli.arrays import read_inputs
    from utvm.cli.execution import execute
    from utvm.cli.model_argument import load_or_compile
    from utvm.cli.output import emit_json, emit_text
    from utvm.cli.progress import open_progress
    from utvm.errors import UsageError
    from utvm.report.profile import profile_report
    from utvm.report.profile_json import profile_json
    from utvm.report.run import run_report
    from utvm.report.text.profile import profile_text

    with open_progress(verbose) as progress:
        loaded = load_or_compile(model, board, progress.stage, compilation, toolchain)
        inputs = read_inputs(loaded.program, files, None, seed)
        if len(inputs.runs) != 1:
            raise UsageError(f"profile takes one input, not {len(inputs.runs)}")
        way = via or loaded.board.hosted.comms
        if hot:
            if way != "virtual" or mode == "hosted":
                raise UsageError("--hot counts the basic blocks of a standalone image on a virtual board, of no other")
            image_opener = services.counting(timing, memory)
            with image_opener(loaded.program, loaded.board, toolchain, progress.stage) as session:
                progress.stage(f"Running on {loaded.board.name}")
                blocks = session.profile(inputs.runs[0], timeout_s)
                sizes, compiler, run, elf = session.sizes, session.compiler, blocks.run, session.image.elf
            hottest = (elf, blocks)
        else:
            opener = services.reaching(via, mode, timing, memory)
            done = execute(opener, loaded.program, loaded.board, inputs.runs, toolchain, timeout_s, progress)
            sizes, compiler, run, hottest = done.sizes, done.compiler, done.runs[0], None
        report = profile_report(
            run_report(loaded.program, loaded.board, sizes, compiler, [run], inputs.source, via=way),
            loaded.program, hottest,
        )  # fmt: skip
    if as_json:
        emit_json(profile_json(report))
    else:
        emit_text(*profile_text(report, functions_shown, blocks_shown))
    return EXIT_DONE
