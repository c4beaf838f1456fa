"""The command line of the virtual board: a process of its own, ready when it has printed its ports."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from collections.abc import Sequence

from utvm.boards import load_board
from utvm.errors import UtvmError, VirtualBoardError

USAGE_STATUS = 2
HOST = "127.0.0.1"


def main(argv: Sequence[str] | None = None) -> int:
    """Emulate a board until a debugger kills it, SIGTERM, or (with --exit-with-stdin) end of file on standard input.

    Prints one line on standard output when it is ready: `gdb HOST:PORT`. Returns the exit status: 0, or 2 for a board
    or port that cannot be had, with one line on standard error.
    """
    parser = argparse.ArgumentParser(
        prog="utvm virtual-board", description="Emulate a board and serve GDB's remote protocol."
    )
    parser.add_argument("board", metavar="BOARD", help="a board's name, or the path of its .toml file")
    parser.add_argument("--gdb", metavar="PORT", type=_port, default=0, help="TCP port for GDB; 0 (default) for any")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with _listen(arguments.gdb) as listener:
            _serve(arguments.board, listener, sys.stdin.fileno() if arguments.exit_with_stdin else None)
    except UtvmError as error:
        print(f"utvm virtual-board: {error}", file=sys.stderr)
        return USAGE_STATUS
    except KeyboardInterrupt:
        pass
    return 0


def _serve(board_name: str, listener: socket.socket, lifeline: int | None) -> None:
    board = load_board(board_name)
    # Late, so that a busy port or a wrong board is reported without loading the emulator.
    from utvm.virtual_board.gdb.server import GdbServer
    from utvm.virtual_board.machine import Machine

    server = GdbServer(Machine(board), listener, lifeline)
    print(f"gdb {HOST}:{listener.getsockname()[1]}", flush=True)
    server.serve()


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port), backlog=4)
    except OSError as error:
        raise VirtualBoardError(
            f"port {port} of {HOST} cannot be opened: {error.strerror}; choose another, or 0 for any free one"
        ) from error


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 1 << 16:
        raise argparse.ArgumentTypeError(f"{number} is not a port number from 0 to 65535")
    return number


def _terminate(_signal: int, _frame: object) -> None:
    raise SystemExit(0)
