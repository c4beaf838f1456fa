"""Standard output: rendered reports, or exactly one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from utvm.cli.boundary import StandardOutputClosed

if TYPE_CHECKING:
    from rich.console import RenderableType

FILE_COLUMNS = 160
"""Width of tables that go to a file or a pipe, where there is no window to fit."""


def emit_json(document: Mapping[str, object]) -> None:
    """Write one JSON object."""
    _write(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def emit_text(*parts: RenderableType) -> None:
    """Write reports one below the other; styled on a terminal, plain elsewhere."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else FILE_COLUMNS
    # No markup: names of tensors and files may hold brackets.
    console = Console(file=sys.stdout, width=width, markup=False, emoji=False, highlight=False)
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    _write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def note(message: str) -> None:
    """A remark to the user on standard error."""
    sys.stderr.write(message + "\n")


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise StandardOutputClosed from error
