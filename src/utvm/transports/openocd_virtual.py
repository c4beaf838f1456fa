"""A virtual board reached as a real one is: through OpenOCD and JTAG."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from utvm.boards import Board, load_board
from utvm.errors import TransportError, UsageError
from utvm.transports.openocd import DEFAULT_TIMEOUT_S, OpenOcdTransport
from utvm.transports.openocd_process import OpenOcdProcess, virtual_board_configuration
from utvm.transports.openocd_rpc import TclResult
from utvm.transports.virtual import VirtualBoardProcess

END_GRACE_S = 0.1


# OpenOCD's target files, by the start of the chip's name.
TARGETS = {"STM32F74": "stm32f7x", "STM32F75": "stm32f7x", "STM32L4R": "stm32l4x"}


def openocd_target(board: Board) -> str:
    """The name of OpenOCD's target file for a board's chip; UsageError if its virtual twin has no such JTAG."""
    for chip, target in TARGETS.items():
        if board.chip.startswith(chip):
            return target
    raise UsageError(
        f"the virtual {board.name} ({board.chip}) cannot be reached through OpenOCD, only {', '.join(TARGETS)} can; "
        "reach it with --via virtual"
    )


class OpenOcdVirtualTransport(OpenOcdTransport):
    """An OpenOcdTransport to a virtual board and an OpenOCD that it starts, and ends when it is closed.

    `board` is a board's name or the path of its .toml file; UsageError for a chip that has no JTAG that OpenOCD knows.
    """

    def __init__(self, board: str = "stm32f746-disco", *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        target = openocd_target(load_board(board))
        with ExitStack() as started:
            folder = started.enter_context(tempfile.TemporaryDirectory(prefix="utvm-"))
            self.board = VirtualBoardProcess(board, jtag=str(Path(folder) / "jtag"))
            started.callback(self.board.close)
            self.openocd = OpenOcdProcess(virtual_board_configuration(self.board.jtag_place, target))
            started.callback(self.openocd.close)
            super().__init__(self.openocd.host, self.openocd.port, timeout_s=timeout_s)
            self._started = started.pop_all()

    def _reset(self) -> None:
        if not (self.board.is_running and self.openocd.is_running) or not self._rpc.is_usable:
            ended = self._ended()
            if ended:
                raise TransportError(f"{ended}\nOpen a new transport.")
        super()._reset()

    def _run(self, command: str, timeout_s: float | None = None) -> TclResult:
        try:
            return super()._run(command, timeout_s)
        except TransportError as error:
            ended = self._ended()
            raise (type(error)(f"{error}. {ended}\nOpen a new transport.") if ended else error) from error

    def _failure(self, what: str, result: TclResult) -> TransportError:
        error, ended = super()._failure(what, result), self._ended()
        return TransportError(f"{error}. {ended}\nOpen a new transport.") if ended else error

    def _ended(self) -> str:
        """Which of the two processes has ended and what it said; empty while both run."""
        # The connections of a process that is killed break a moment before the process is gone.
        deadline = time.monotonic() + END_GRACE_S
        while True:
            if not self.board.is_running:
                return f"The virtual board has ended and said: {self.board.messages() or 'nothing'}"
            if not self.openocd.is_running:
                if self.board.has_ended():  # OpenOCD aborts when the board goes, which is then the one to name
                    continue
                return f"OpenOCD has ended and said: {self.openocd.messages() or 'nothing'}"
            if time.monotonic() >= deadline:
                return ""
            time.sleep(0.005)

    def _close(self) -> None:
        super()._close()
        self._started.close()
