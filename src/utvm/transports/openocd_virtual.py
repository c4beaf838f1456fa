"""A virtual board reached as a real one is: through OpenOCD and JTAG."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

from utvm.errors import TransportError
from utvm.transports.openocd import DEFAULT_TIMEOUT_S, OpenOcdTransport
from utvm.transports.openocd_process import OpenOcdProcess, virtual_board_configuration
from utvm.transports.virtual import VirtualBoardProcess


class OpenOcdVirtualTransport(OpenOcdTransport):
    """An OpenOcdTransport to a virtual board and an OpenOCD that it starts, and ends when it is closed.

    `target` names OpenOCD's file for the chip.
    """

    def __init__(
        self, board: str = "stm32f746-disco", *, target: str = "stm32f7x", timeout_s: float = DEFAULT_TIMEOUT_S
    ) -> None:
        with ExitStack() as started:
            folder = started.enter_context(tempfile.TemporaryDirectory(prefix="utvm-"))
            self.board = VirtualBoardProcess(board, jtag=str(Path(folder) / "jtag"))
            started.callback(self.board.close)
            self.openocd = OpenOcdProcess(virtual_board_configuration(self.board.jtag_place, target))
            started.callback(self.openocd.close)
            super().__init__(self.openocd.host, self.openocd.port, timeout_s=timeout_s)
            self._started = started.pop_all()

    def _reset(self) -> None:
        self._check_processes()
        super()._reset()

    def _check_processes(self) -> None:
        if not self.board.is_running:
            raise TransportError(f"the virtual board has ended; open a new one. It said:\n{self.board.messages()}")
        if not self.openocd.is_running:
            raise TransportError(f"OpenOCD has ended; open a new transport. It said:\n{self.openocd.messages()}")

    def _close(self) -> None:
        super()._close()
        self._started.close()
