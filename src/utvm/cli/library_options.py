"""The options --library and --prefer: kernels of the user's own, for the time of a command."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.codegen.program import Program
    from utvm.model import Model


def library_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command. Templates are registered before it runs, and forgotten after it."""

    @click.option(
        "--library", "libraries", type=click.Path(path_type=Path), multiple=True, metavar="PATH",
        help="Kernels of your own: a folder with utvm-library.toml, or a Python file with templates. The tuner tries "
        "them, --schedules may name them.",
    )  # fmt: skip
    @click.option(
        "--prefer", multiple=True, metavar="NAME",
        help="A library, or one template, that serves every operator it can unless --schedules has a faster one.",
    )  # fmt: skip
    @functools.wraps(function)
    def with_libraries(*args: Any, libraries: tuple[Path, ...], prefer: tuple[str, ...], **options: Any) -> Any:
        if not libraries and not prefer:
            return function(*args, **options)
        from utvm.libraries import load_library, use_libraries

        with use_libraries([load_library(path) for path in libraries], prefer):
            return function(*args, **options)

    return with_libraries


def check_preferred(program: Program, model: Model, board: Board) -> None:
    """Raise UsageError for a preferred library or template that serves no operator, with what it says against each."""
    from utvm.errors import UsageError
    from utvm.schedules import registry
    from utvm.tuning.tasks import places_of

    for name in registry.preferred():
        mine = [template for template in registry.templates() if registry.goes_by(template, name)]
        if any(call.schedule.partition("(")[0] in {template.name for template in mine} for call in program.calls):
            continue
        other = "others were recorded or preferred"
        reasons = {
            f"{type(place.site.operator).__name__}: {template.refusal(place.site) or other}"
            for place in places_of(model, board)
            for template in mine
        }
        listed = "".join(f"\n  {reason}" for reason in sorted(reasons))
        raise UsageError(f"--prefer {name}: it serves none of the operators of {program.model} here{listed}")
