"""Serve debuggers: open the doors of a board, announce them, and stay until the end."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from utvm.errors import VirtualBoardError
from utvm.virtual_board.setup import BoardSetup

HOST = "127.0.0.1"
PortOrPath = int | str


@dataclass(frozen=True)
class Doors:
    """TCP ports (0: any free one) or paths of Unix sockets; `lifeline`: a descriptor whose end of file ends it all."""

    gdb: int = 0
    jtag: PortOrPath | None = None
    lifeline: int | None = None


def serve(setup: BoardSetup, doors: Doors) -> None:
    """Print a line for each door on standard output when it is ready, then serve. Raises VirtualBoardError."""
    with ExitStack() as stack:
        gdb = stack.enter_context(_listen(doors.gdb))
        jtag = None if doors.jtag is None else stack.enter_context(_listen(doors.jtag))
        if isinstance(doors.jtag, str):
            stack.callback(Path(doors.jtag).unlink, missing_ok=True)
        # Late, so that a busy port is reported without loading the emulator.
        from utvm.virtual_board.gdb.server import GdbServer
        from utvm.virtual_board.lease import CoreLease

        machine, lease = setup.machine(), CoreLease()
        ready = [f"gdb {_place(gdb)}"]
        if jtag is not None:
            from utvm.virtual_board.jtag import JtagDoor, JtagServer

            JtagServer(JtagDoor(machine), jtag, lease).start()
            ready.append(f"jtag {_place(jtag)}")
        print("\n".join(ready), flush=True)
        GdbServer(machine, gdb, doors.lifeline, lease).serve()


def _listen(port_or_path: PortOrPath) -> socket.socket:
    try:
        if isinstance(port_or_path, str):
            return socket.create_server(port_or_path, family=socket.AF_UNIX, backlog=4)
        return socket.create_server((HOST, port_or_path), backlog=4)
    except OSError as error:
        if isinstance(port_or_path, str):
            raise VirtualBoardError(
                f"no socket can be made at {port_or_path}: {error.strerror or error}; choose another path or a port"
            ) from error
        raise VirtualBoardError(
            f"port {port_or_path} of {HOST} cannot be opened: {error.strerror}; choose another, or 0 for any free one"
        ) from error


def _place(listener: socket.socket) -> str:
    name = listener.getsockname()
    return name if isinstance(name, str) else f"{HOST}:{name[1]}"
