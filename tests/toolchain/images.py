"""Images of the tiny model, built once per board and compiler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import pytest

from utvm.boards import load_board
from utvm.toolchain import Image, build_image, find_compiler

TINY_MODEL = Path(__file__).parents[1] / "runtime" / "tiny_model.c"

Kind: TypeAlias = Literal["gcc", "zig"]
ImageBuilder: TypeAlias = Callable[[str, Kind], Image]

# The first use of a core by zig takes seconds: two cores stand for the others.
BOARDS_AND_COMPILERS = [
    *(
        pytest.param((board, "gcc"), id=f"{board}-gcc", marks=pytest.mark.arm_gcc)
        for board in ("stm32f746-disco", "nucleo-l4r5zi", "nucleo-u575zi-q", "nucleo-g0b1re", "nucleo-h7a3zi-q")
    ),
    *(pytest.param((board, "zig"), id=f"{board}-zig") for board in ("stm32f746-disco", "nucleo-g0b1re")),
    *(
        pytest.param((board, "zig"), id=f"{board}-zig", marks=pytest.mark.slow)
        for board in ("nucleo-l4r5zi", "nucleo-u575zi-q", "nucleo-h7a3zi-q")
    ),
]


def build_tiny_image(board_name: str, kind: Kind, build_dir: Path) -> Image:
    """The tiny model for the board, its tensors in the last region of the arena."""
    board = load_board(board_name)
    section = f'ARENA_SECTION=".utvm_arena.{board.placement.arena[-1]}"'
    return build_image(board, find_compiler(board, kind), [TINY_MODEL], [], build_dir, [section])
