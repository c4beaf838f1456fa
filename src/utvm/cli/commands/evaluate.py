"""`utvm evaluate`: accuracy on labelled data, computed on a board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from utvm.codegen.program import Program
    from utvm.model import Array

_EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("evaluate", short_help="Classify labelled data on a board: accuracy, confusion, agreement.")
@model_argument
@board_option
@via_option
@mode_option
@click.option("--data", type=_EXISTING_FILE, required=True, help="A .npz file with the arrays `inputs` and `labels`.")
@click.option("--limit", type=click.IntRange(min=1), help="Use the first so many inputs only.")
@click.option("--reference", type=_EXISTING_FILE, help="The model file of a saved program, to compare with.")
@click.option("--no-check", is_flag=True, help="Leave out the reference, which this computer computes.")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
    help="Longest time for one input, in seconds.",
)  # fmt: skip
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
    data: Path,
    limit: int | None,
    reference: Path | None,
    no_check: bool,
    timeout_s: float,
    timing: str | None,
    memory: str,
    compilation: Compilation,
    toolchain: ToolchainChoice,
    verbose: bool,
    as_json: bool,
) -> int:
    """Run MODEL on every input of the data on a board, and compare its classes with the labels.

    Labels are class numbers; the class of an answer is the largest value of the first output. Exit status 1 if an
    answer is not the reference's.

    For a model with state, each input is a sequence: one step, or with one more extent behind the first as many steps
    as that says. The state begins anew for each, and its answer is that of its last step.
    """
    from utvm.cli.execution import execute, references
    from utvm.cli.model_argument import load_or_compile, reference_model
    from utvm.cli.output import emit_json, emit_text, note
    from utvm.cli.progress import open_progress
    from utvm.report.check import NUMPY_REFERENCE, compare_runs
    from utvm.report.evaluate import check_labels, evaluation_json, evaluation_report
    from utvm.report.json import run_json
    from utvm.report.run import run_report
    from utvm.report.text.evaluate import evaluation_text

    with open_progress(verbose) as progress:
        loaded = load_or_compile(model, board, progress.stage, compilation, toolchain)
        inputs, labels, steps = _read_data(loaded.program, data, limit)
        classes = loaded.program.tensor(loaded.program.outputs[0])
        check_labels(labels, len(inputs) // steps, _count(classes.shape))
        truth = None if no_check else reference_model(loaded, reference, progress.stage)
        opener = services.reaching(via, mode, timing, memory)
        done = execute(opener, loaded.program, loaded.board, inputs, toolchain, timeout_s, progress, steps)
        expected = None if truth is None else references(truth, inputs, progress, steps)
    checked = None if expected is None else compare_runs(expected, done.outputs, NUMPY_REFERENCE)
    way = via or loaded.board.hosted.comms
    run = run_report(
        loaded.program, loaded.board, done.sizes, done.compiler, done.runs, str(data), checked, way, steps
    )  # fmt: skip
    report = evaluation_report(run, labels, expected, steps)
    if as_json:
        emit_json({**run_json(run), **evaluation_json(report)})
    else:
        emit_text(*evaluation_text(report))
    if checked is not None and checked.mismatches:
        note(f"error: the board's answers differ from the reference: {checked}")
        return EXIT_FAILED
    return EXIT_DONE


def _read_data(program: Program, path: Path, limit: int | None) -> tuple[list[dict[str, Array]], Array, int]:
    """Inputs by name, the labels, and how many inputs each label is for. Raises UsageError."""
    from utvm.cli.arrays.files import read_arrays
    from utvm.cli.arrays.fit import fit_input, fit_sequences
    from utvm.errors import UsageError

    arrays = read_arrays(path)
    if not isinstance(arrays, dict) or not {"inputs", "labels"} <= set(arrays):
        held = ", ".join(sorted(arrays)) if isinstance(arrays, dict) else "one array"
        raise UsageError(f"{path} holds {held or 'nothing'}; evaluate takes a .npz file with `inputs` and `labels`")
    if len(program.inputs) != 1:
        raise UsageError(f"{program.model} has {len(program.inputs)} inputs; evaluate takes models of one")
    tensor, source = program.tensor(program.inputs[0]), f"{path}, inputs"
    if program.states:
        fitted, steps = fit_sequences(arrays["inputs"], tensor, source)
    else:
        fitted, steps = fit_input(arrays["inputs"], tensor, source), 1
    labels, count = arrays["labels"], len(fitted) // steps
    if labels.ndim == 0 or len(labels) != count:
        raise UsageError(f"{path}: labels is {labels.dtype.name}{list(labels.shape)}, for {count} inputs")
    runs = None if limit is None else limit * steps
    return [{program.inputs[0]: one} for one in fitted[:runs]], labels[:limit], steps


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for extent in shape:
        count *= extent
    return count
