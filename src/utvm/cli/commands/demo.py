"""`utvm demo`: the whole story in half a minute, no hardware."""

from __future__ import annotations

import sys

import click

from utvm.cli.boundary import EXIT_DONE, EXIT_FAILED
from utvm.cli.options import debug_option, json_option, toolchain_option, verbose_option
from utvm.cli.services import Services, ToolchainChoice

BOARD = "stm32f746-disco"
HELD_OUT_IMAGES = 360
TIMEOUT_S = 60.0


@click.command("demo", short_help="Read handwritten digits on a virtual STM32F746: the whole story, no hardware.")
@click.option(
    "-n",
    "--images",
    type=click.IntRange(1, HELD_OUT_IMAGES),
    default=60,
    show_default=True,
    help="How many of the held-out images to classify.",
)
@toolchain_option
@verbose_option
@json_option
@debug_option
@click.pass_obj
def command(services: Services, images: int, toolchain: ToolchainChoice, verbose: bool, as_json: bool) -> int:
    """Compile a small network for the STM32F746 Discovery, and let its virtual twin read handwritten digits.

    The digits are real scans that the network's training never saw. Exit status 1 if an answer is not LiteRT's.
    """
    from utvm.cli.execution import execute
    from utvm.cli.model_argument import load_or_compile
    from utvm.cli.output import emit_json, emit_text, note
    from utvm.cli.progress import open_progress
    from utvm.demo import load_digits
    from utvm.report.demo import compare_with_stored, demo_report
    from utvm.report.json import demo_json
    from utvm.report.run import run_report
    from utvm.report.text.demo import demo_text

    digits = load_digits()
    with open_progress(verbose) as progress:
        loaded = load_or_compile(digits.model_path, BOARD, progress.stage)
        program = loaded.program
        inputs = [{program.inputs[0]: image[None]} for image in digits.inputs[:images]]
        done = execute(services.open_session, program, loaded.board, inputs, toolchain, TIMEOUT_S, progress)
    agreement = compare_with_stored(digits, program.outputs[0], done.outputs)
    source = f"{images} held-out images of handwritten digits"
    run = run_report(program, loaded.board, done.sizes, done.compiler, done.runs, source)
    report = demo_report(run, digits, agreement)
    if as_json:
        emit_json(demo_json(report))
    else:
        emit_text(*demo_text(report, getattr(sys.stdout, "encoding", None) or "ascii"))
    if agreement.mismatches:
        note(f"error: the board's answers differ from LiteRT's: {agreement}")
        return EXIT_FAILED
    return EXIT_DONE
