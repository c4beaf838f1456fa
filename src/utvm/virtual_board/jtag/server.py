"""The remote_bitbang server: one client at a time, and the board lives on between them."""

from __future__ import annotations

import socket
import sys
import threading

from utvm.virtual_board.jtag.door import JtagDoor
from utvm.virtual_board.jtag.port import ServeEnd
from utvm.virtual_board.lease import CoreLease

_COMPLAINTS = {
    ServeEnd.GARBAGE: "the client does not speak remote_bitbang; connect OpenOCD with `adapter driver remote_bitbang`",
    ServeEnd.SOCKET_ERROR: "the connection failed",
}

RECONNECT_S = 0.2  # how long a new client waits for the one before to be noticed gone


class JtagServer:
    """Serves a door on threads of its own."""

    def __init__(self, door: JtagDoor, listener: socket.socket, lease: CoreLease) -> None:
        self._door, self._listener, self._lease = door, listener, lease

    def start(self) -> None:
        """Serve from now on; ends with the process."""
        threading.Thread(target=self._accept, daemon=True, name="jtag listener").start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._lease.take("jtag", self._door.registers.release, wait_s=RECONNECT_S):
                threading.Thread(target=self._serve, args=(connection,), daemon=True, name="jtag").start()
            else:
                print("jtag: refused a client, another debugger has the core", file=sys.stderr, flush=True)
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                if connection.family != socket.AF_UNIX:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._door.registers.connect()
                end = self._door.port.serve(connection)
                if end in _COMPLAINTS:
                    print(f"jtag: {_COMPLAINTS[end]}", file=sys.stderr, flush=True)
        finally:
            self._lease.give_back()
