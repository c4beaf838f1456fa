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
    from utvm.session.profile import Profile
    from utvm.session.standalone import Run
    from utvm.toolchain import Compiler, Image, ImageSizes

ToolchainChoice = Literal["auto", "gcc", "zig"]
Stage = Callable[[str], None]
"""Told the name of each stage as it begins."""


class RunningSession(Protocol):
    """A board with a program on it."""

    @property
    def sizes(self) -> ImageSizes:
        """Bytes by kind of what was loaded."""

    @property
    def compiler(self) -> Compiler:
        """The compiler that built it."""

    def run(self, inputs: Mapping[str, Array], timeout_s: float = ...) -> Run:
        """One run on inputs by name."""

    def reset(self) -> None:
        """Give the program's states their initial values again."""


class ImageSession(RunningSession, Protocol):
    """A board with a standalone image on it."""

    @property
    def image(self) -> Image:
        """The image that was loaded."""

    def profile(self, inputs: Mapping[str, Array], timeout_s: float = ...) -> Profile:
        """One run, and every basic block that ran in it. Raises UsageError where blocks are not counted."""


class SessionOpener(Protocol):
    """Builds a program, loads it on its board, and closes the connection at the end of the `with`."""

    def __call__(
        self, program: Program, board: Board, prefer: ToolchainChoice, progress: Stage
    ) -> AbstractContextManager[RunningSession]:
        """A session for the program on the board."""


class ImageOpener(Protocol):
    """The same for sessions with a standalone image."""

    def __call__(
        self, program: Program, board: Board, prefer: ToolchainChoice, progress: Stage
    ) -> AbstractContextManager[ImageSession]:
        """A session for the program on the board."""


def open_virtual_board(
    program: Program, board: Board, prefer: ToolchainChoice, progress: Stage
) -> AbstractContextManager[ImageSession]:
    """A standalone image on the board's virtual twin."""
    from utvm.session.standalone import StandaloneSession

    return StandaloneSession(program, board, prefer=prefer, progress=progress)


@dataclass(frozen=True)
class Services:
    """The ways out of the command line."""

    open_session: ImageOpener = open_virtual_board

    def counting(self, timing: str | None, memory: str) -> ImageOpener:
        """A way to sessions on virtual boards that count cycles so. Raises UsageError for what no board could count."""
        if self.open_session is not open_virtual_board:  # not ours to tell
            return self.open_session

        def opened(
            program: Program, board: Board, prefer: ToolchainChoice, progress: Stage
        ) -> AbstractContextManager[ImageSession]:
            from utvm.session.standalone import StandaloneSession
            from utvm.transports import CycleCounting

            check_timing(timing, board)
            return StandaloneSession(program, board, prefer, progress, counting=CycleCounting(timing, memory))

        return opened

    def reaching(self, via: str | None, mode: str | None, timing: str | None, memory: str) -> SessionOpener:
        """A way to sessions with the board reached by `via`, as a standalone image or hosted.

        By default the way of the board's file, standalone on virtual boards and QEMU and hosted elsewhere.
        """
        if self.open_session is not open_virtual_board:
            return self.open_session

        def opened(
            program: Program, board: Board, prefer: ToolchainChoice, progress: Stage
        ) -> AbstractContextManager[RunningSession]:
            from utvm.session.hosted import HostedSession
            from utvm.session.standalone import StandaloneSession
            from utvm.transports import CycleCounting
            from utvm.transports.opening import open_transport

            check_timing(timing, board)
            counting = CycleCounting(timing, memory)
            way = via or board.hosted.comms
            if (mode or ("standalone" if way in STANDALONE_WAYS else "hosted")) == "hosted":
                return HostedSession(program, board, prefer, progress, via, counting)
            if via is None:
                return StandaloneSession(program, board, prefer, progress, counting=counting)
            return StandaloneSession(program, board, prefer, progress, open_transport(board, via, counting))

        return opened


STANDALONE_WAYS = ("virtual", "qemu")


def check_timing(timing: str | None, board: Board) -> None:
    """Whether there is such a timing model with such rules; UsageError if not, before anything is built."""
    if timing is not None:
        from utvm.virtual_board.timing.choice import parse_timing

        parse_timing(timing, board.core.name)
