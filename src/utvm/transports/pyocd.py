"""A board on any debug probe that pyOCD drives: CMSIS-DAP, ST-Link, J-Link, without OpenOCD."""

from __future__ import annotations

from utvm.errors import TransportError
from utvm.transports.gdb import GdbTransport
from utvm.transports.pyocd_process import PyOcdProcess

# Erasing a sector of 256 KB takes seconds on real flash.
TIMEOUT_S = 30.0
END_GRACE_S = 0.2


class PyOcdTransport(GdbTransport):
    """A GdbTransport to a pyOCD that it starts, and ends when it is closed. `probe` and `target` as PyOcdProcess."""

    def __init__(self, probe: str | None = None, target: str | None = None, *, timeout_s: float = TIMEOUT_S) -> None:
        self.pyocd = PyOcdProcess(probe, target)
        try:
            super().__init__(self.pyocd.host, self.pyocd.port, timeout_s=timeout_s)
        except TransportError:
            self.pyocd.close()
            raise

    def _send(self, payload: bytes) -> None:
        try:
            super()._send(payload)
        except TransportError as error:
            raise self._explained(error) from error

    def _receive(self, timeout_s: float | None = None, *, keep_usable: bool = False) -> bytes:
        try:
            return super()._receive(timeout_s, keep_usable=keep_usable)
        except TransportError as error:
            raise self._explained(error) from error

    def _explained(self, error: TransportError) -> TransportError:
        """The error, and what pyOCD said if it has ended."""
        # The connection of a process that is killed breaks a moment before the process is gone.
        if not self.pyocd.has_ended(END_GRACE_S if not self._usable else 0.0):
            return error
        return type(error)(f"{error}. pyOCD has ended and said: {self.pyocd.messages()}\nOpen a new transport.")

    def _close(self) -> None:
        super()._close()
        self.pyocd.close()
