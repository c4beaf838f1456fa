"""`utvm doctor`: what was found, what is missing, and what that costs."""

from __future__ import annotations

import click

from utvm.cli.boundary import EXIT_DONE, EXIT_FAILED
from utvm.cli.options import debug_option, json_option


@click.command("doctor", short_help="Say what was found, what is missing, and what that costs.")
@json_option
@debug_option
def command(as_json: bool) -> int:
    """Look for Python packages, compilers and tools.

    Exit status 0 if models can be compiled and run on virtual boards, else 1.
    """
    from utvm.cli.output import emit_json, emit_text
    from utvm.cli.progress import open_progress
    from utvm.report.doctor import doctor_report
    from utvm.report.json import doctor_json
    from utvm.report.text.doctor import doctor_text

    with open_progress() as progress:
        progress.stage("Examining this installation")
        report = doctor_report()
    if as_json:
        emit_json(doctor_json(report))
    else:
        emit_text(*doctor_text(report))
    return EXIT_DONE if report.works else EXIT_FAILED
