"""`utvm tune`: find the fastest schedule of every operator by measuring."""

from __future__ import annotations

from pathlib import Path

import click

from utvm.cli.boundary import EXIT_DONE
from utvm.cli.compilation import max_flash_option, max_ram_option
from utvm.cli.library_options import library_options
from utvm.cli.options import (
    board_option,
    debug_option,
    json_option,
    mode_option,
    model_argument,
    timing_option,
    toolchain_option,
    via_option,
)
from utvm.cli.services import ToolchainChoice


@click.command("tune", short_help="Search the fastest schedule of every operator by measuring.")
@model_argument
@board_option
@click.option(
    "-s", "--schedules", "file", type=click.Path(dir_okay=False, path_type=Path), required=True, metavar="FILE.jsonl",
    help="Records are appended here; what it holds already is not measured again.",
)  # fmt: skip
@click.option(
    "-n", "--trials", type=click.IntRange(min=1), default=64, show_default=True, help="Most schedules per operator."
)
@click.option(
    "--time-limit", "time_limit_s", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
    help="Measure nothing more after so many seconds.",
)  # fmt: skip
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    help="Boards side by side. Default: one per core where they are virtual.",
)
@max_ram_option
@max_flash_option
@click.option(
    "--engine", type=click.Choice(("templates", "metaschedule")), default="templates", show_default=True,
    help="metaschedule: operators that only have the portable kernel are searched too, by TVM's MetaSchedule.",
)  # fmt: skip
@click.option(
    "--verify-on", metavar="WAY",
    help="Measure the best again there afterwards, as --via has it; their records then count before the search's.",
)  # fmt: skip
@click.option(
    "--verify-best", type=click.IntRange(min=1), default=3, show_default=True,
    help="How many schedules per operator --verify-on measures, and the default.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the search and the inputs.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True,
    help="Longest time for one run, in seconds.",
)  # fmt: skip
@via_option
@mode_option
@timing_option
@click.option(
    "--memory", type=click.Choice(("zero-wait", "board")),
    help="Whether a virtual board counts its caches and wait states. Default: board on virtual boards.",
)  # fmt: skip
@library_options
@toolchain_option
@json_option
@debug_option
def command(
    model: Path,
    board: str | None,
    file: Path,
    trials: int,
    time_limit_s: float | None,
    jobs: int | None,
    max_ram_bytes: int | None,
    max_flash_bytes: int | None,
    engine: str,
    verify_on: str | None,
    verify_best: int,
    seed: int,
    timeout_s: float,
    via: str | None,
    mode: str | None,
    timing: str | None,
    memory: str | None,
    toolchain: ToolchainChoice,
    as_json: bool,
) -> int:
    """Measure schedules of every distinct operator of MODEL, a .tflite file, and record them in FILE.jsonl.

    An answer that differs from the reference does not count. Stop when you like: the same command goes on where it
    ended. `compile`, `run` and `profile` take the records with --schedules.
    """
    from contextlib import ExitStack
    from dataclasses import replace

    from utvm.boards import load_board
    from utvm.cli.output import emit_json, emit_text, note
    from utvm.cli.tuning_progress import open_tuning_progress
    from utvm.cli.tuning_way import tuning_way
    from utvm.codegen.limits import Limits
    from utvm.compiler import load_model
    from utvm.errors import UsageError
    from utvm.report.text.tune import tune_text, verification_text
    from utvm.report.tune import tune_json
    from utvm.toolchain import find_compiler
    from utvm.tuning.conditions import Conditions, utvm_version
    from utvm.tuning.measure import Measurer
    from utvm.tuning.records import Records, RecordWriter, load_records
    from utvm.tuning.search import SearchOpener, open_search
    from utvm.tuning.tasks import places_of, tasks_of
    from utvm.tuning.tuner import Effort, tune
    from utvm.tuning.verify import verify

    if board is None:
        raise UsageError("--board is needed to tune a model; `utvm boards` lists the boards")
    target = load_board(board)
    way = tuning_way(target, via, mode, timing, memory, jobs, toolchain)
    there = None if verify_on is None else tuning_way(target, verify_on, None, None, None, None, toolchain)
    compiler = find_compiler(target, toolchain)
    places = places_of(load_model(model), target, Limits(max_ram_bytes, max_flash_bytes))
    arena = places[0].arena if places else ""
    conditions = Conditions(target.name, target.core.name, way.counting, arena, compiler.version, utvm_version())
    known = load_records([file]) if file.is_file() else Records()
    for remark in known.remarks:
        note(f"utvm: {remark}")
    with ExitStack() as stack:
        progress = stack.enter_context(open_tuning_progress())
        writer, opener = stack.enter_context(RecordWriter(file)), stack.enter_context(way.opened())
        searches: SearchOpener = open_search
        if engine == "metaschedule":
            from utvm.tuning.metaschedule.process import MetaScheduleProcess
            from utvm.tuning.metaschedule.search import metaschedule_searches

            searches = metaschedule_searches(stack.enter_context(MetaScheduleProcess()))
        tasks = tasks_of(places)
        result = tune(
            tasks,
            Measurer(target, opener, timeout_s),
            conditions,
            writer,
            known,
            Effort(trials, way.jobs, time_limit_s, seed),
            progress.show,
            searches,
        )
        verification = None
        if there is not None:
            progress.verify(there.counting)
            verification = verify(
                tasks,
                result.tasks,
                verify_best,
                Measurer(target, stack.enter_context(there.opened()), timeout_s),
                replace(conditions, counting=there.counting),
                writer,
                Effort(jobs=there.jobs, seed=seed),
                progress.show,
            )
    if as_json:
        emit_json(tune_json(result, conditions, str(file), verification))
    else:
        emit_text(*tune_text(result, str(file)))
        if verification is not None:
            emit_text(*verification_text(result, verification))
    return EXIT_DONE
