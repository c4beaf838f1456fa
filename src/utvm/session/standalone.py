"""Run a program as a standalone image: flashed, started, stopped around each run to exchange inputs and outputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np

from utvm.boards import Board
from utvm.codegen.model_source import source_files
from utvm.codegen.program import PlacedTensor, Program
from utvm.errors import UsageError
from utvm.model.tensor import Array
from utvm.toolchain import Image, build_image, find_compiler

Prefer = Literal["auto", "gcc", "zig"]
Progress = Callable[[str], None]

DEFAULT_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Run:
    """One run's outputs by name, core cycles in all and per call of the program, and the deepest stack use in bytes."""

    outputs: dict[str, Array]
    cycles: int
    layer_cycles: tuple[int, ...]
    stack_bytes: int


def build_program_image(program: Program, board: Board, build_dir: Path, prefer: Prefer = "auto") -> Image:
    """Compile the program's C with the standalone runtime and link it for the board, layers measured."""
    source_dir = build_dir / "source"
    source_dir.mkdir(parents=True, exist_ok=True)
    for name, text in source_files(program).items():
        (source_dir / name).write_text(text, encoding="utf-8")
    sources = [source_dir / name for name in ("model.c", "kernels.c", "constants.c")]
    compiler = find_compiler(board, prefer)
    return build_image(board, compiler, sources, [source_dir], build_dir, defines=("UTVM_PROFILE",))
