"""The whole flow on one screen: model in, program out."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from utvm.boards import Board
from utvm.codegen.assemble import Target, assemble
from utvm.codegen.budget import arena_regions, check_constants, kernel_flash_bytes
from utvm.codegen.limits import NO_LIMITS, Limits
from utvm.codegen.program import Program
from utvm.errors import ImportModelError, OutOfMemoryError, UsageError
from utvm.model import Model
from utvm.operators import check_model
from utvm.rewrites import rewrite
from utvm.schedules import PORTABLE, Schedule

_IMPORTERS = {".tflite": "import_tflite"}


def load_model(path: Path) -> Model:
    """Read a model file; the suffix says which importer."""
    from utvm.importers.tflite import MAX_FILE_BYTES, import_tflite

    if path.suffix not in _IMPORTERS:
        raise UsageError(f"{path}: the suffix {path.suffix or '(none)'} is not one of {', '.join(_IMPORTERS)}")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)  # one more, by which the importer knows a file that is too large
    except OSError as error:
        raise ImportModelError(f"{path}: cannot be read: {error.strerror}") from error
    return import_tflite(data, path.name)


def compile_model(
    model: Model, board: Board, schedules: Mapping[str, Schedule] | None = None, limits: Limits = NO_LIMITS
) -> Program:
    """Rewrite the model, generate its kernels and plan its memory for a board.

    `schedules` gives schedules by operator name; every other operator gets its default, or where flash is short what
    costs the fewest cycles. Raises OutOfMemoryError when activations or constants do not fit the board or the limits.
    """
    check_model(model)
    rewritten = rewrite(model)
    check_constants(rewritten, board)
    regions = arena_regions(rewritten, board, limits.max_ram_bytes)
    flash_bytes = kernel_flash_bytes(board, limits.max_flash_bytes)
    target = Target(board.name, board.core, regions, flash_bytes)
    try:
        return assemble(rewritten, target, provenance(model), schedules)
    except OutOfMemoryError as error:
        if limits.max_ram_bytes is None:
            raise
        raise OutOfMemoryError(
            f"{error}\nActivations and scratch may take {limits.max_ram_bytes:,} bytes (--max-ram)."
        ) from error


def compile_portable(model: Model, board: Board, limits: Limits = NO_LIMITS) -> Program:
    """The same with the portable kernel of every operator: plain C for any core, and the smallest arena."""
    portable = {operator.name: PORTABLE for operator in rewrite(model).operators}
    return compile_model(model, board, portable, limits)


def provenance(model: Model) -> dict[str, str]:
    """Who made a program from what; nothing that changes from run to run."""
    return {
        "utvm": version("utvm"),
        "tvm": version("apache-tvm"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
        "model_sha256": model.source_hash,
    }
