"""The sending side of a connection: replies from the server's thread, the firmware's output from the core's."""

from __future__ import annotations

import socket
import threading

from utvm.virtual_board.gdb.packets import frame


class Link:
    """Sends whole packets, one at a time. OSError means that the client has gone."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._last = b""

    def send(self, payload: bytes) -> None:
        """A packet."""
        with self._lock:
            self._last = frame(payload)
            self._connection.sendall(self._last)

    def repeat(self) -> None:
        """The last packet once more."""
        with self._lock:
            self._connection.sendall(self._last)

    def acknowledge(self, good: bool) -> None:
        """Whether a packet arrived whole."""
        with self._lock:
            self._connection.sendall(b"+" if good else b"-")
