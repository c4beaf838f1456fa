"""What commands reach outside through: replaced by tests, and one day by other ways to a board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.codegen.program import Program
    from utvm.model import Array
    from utvm.session.standalone import Run
    from utvm.toolchain import Compiler, Image

ToolchainChoice = Literal["auto", "gcc", "zig"]
Stage = Callable[[str], None]
"""Told the name of each stage as it begins."""


class RunningSession(Protocol):
    """A board with a program on it."""

    @property
    def image(self) -> Image:
        """The image that was loaded."""

    @property
    def compiler(self) -> Compiler:
        """The compiler that built it."""

    def run(self, inputs: Mapping[str, Array], timeout_s: float = ...) -> Run:
        """One run on inputs by name."""


class SessionOpener(Protocol):
    """Builds a program, loads it on its board, and closes the connection at the end of the `with`."""

    def __call__(
        self, program: Program, board: Board, prefer: ToolchainChoice, progress: Stage
    ) -> AbstractContextManager[RunningSession]:
        """A session for the program on the board."""


def open_virtual_board(
    program: Program, board: Board, prefer: ToolchainChoice, progress: Stage
) -> AbstractContextManager[RunningSession]:
    """A standalone image on the board's virtual twin."""
    from utvm.session.standalone import StandaloneSession

    return StandaloneSession(program, board, prefer=prefer, progress=progress)


@dataclass(frozen=True)
class Services:
    """The ways out of the command line."""

    open_session: SessionOpener = open_virtual_board
