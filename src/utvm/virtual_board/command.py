"""The command line of the virtual board: a process of its own, ready when it has printed its ports."""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from utvm.boards import load_board
from utvm.errors import UtvmError, VirtualBoardError
from utvm.virtual_board.timing.choice import MEMORY_TIMINGS, MemoryTiming, parse_timing

USAGE_STATUS = 2
HOST = "127.0.0.1"


def main(argv: Sequence[str] | None = None) -> int:
    """Emulate a board until a debugger kills it, SIGTERM, or (with --exit-with-stdin) end of file on standard input.

    Prints a line for each door on standard output when it is ready: `gdb HOST:PORT`, then `jtag HOST:PORT` or
    `jtag PATH` if that was asked for. Returns the exit status: 0, or 2 for a board
    or port that cannot be had, with one line on standard error.
    """
    parser = argparse.ArgumentParser(
        prog="utvm virtual-board",
        description="Emulate a board and serve GDB's remote protocol, and JTAG through OpenOCD's remote_bitbang.",
    )
    parser.add_argument("board", metavar="BOARD", help="a board's name, or the path of its .toml file")
    parser.add_argument("--gdb", metavar="PORT", type=_port, default=0, help="TCP port for GDB; 0 (default) for any")
    parser.add_argument(
        "--jtag",
        metavar="PORT",
        type=_port_or_path,
        help="TCP port for OpenOCD's remote_bitbang driver, 0 for any; or the path of a Unix socket to make, with a /",
    )
    parser.add_argument(
        "--timing",
        metavar="MODEL[,RULE=VALUE...]",
        help="how cycles are counted, e.g. cortex-m7,mac-load-pairing=off or one-cycle; by default the core's own",
    )
    parser.add_argument(
        "--memory",
        choices=MEMORY_TIMINGS,
        default="zero-wait",
        help="whether the board's caches and wait states are counted; zero-wait by default",
    )
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        with ExitStack() as doors:
            gdb = doors.enter_context(_listen(arguments.gdb))
            jtag = None if arguments.jtag is None else doors.enter_context(_listen(arguments.jtag))
            if isinstance(arguments.jtag, str):
                doors.callback(Path(arguments.jtag).unlink, missing_ok=True)
            lifeline = sys.stdin.fileno() if arguments.exit_with_stdin else None
            _serve(arguments.board, gdb, jtag, lifeline, arguments.timing, arguments.memory)
    except UtvmError as error:
        print(f"utvm virtual-board: {error}", file=sys.stderr)
        return USAGE_STATUS
    except KeyboardInterrupt:
        pass
    return 0


def _serve(
    board_name: str,
    gdb: socket.socket,
    jtag: socket.socket | None,
    lifeline: int | None,
    timing: str | None,
    memory: MemoryTiming,
) -> None:
    board = load_board(board_name)
    choice = parse_timing(timing, board.core.name)
    # Late, so that a busy port or a wrong board is reported without loading the emulator.
    from utvm.virtual_board.gdb.server import GdbServer
    from utvm.virtual_board.lease import CoreLease
    from utvm.virtual_board.machine import Machine

    machine, lease = Machine(board, choice, memory), CoreLease()
    ready = [f"gdb {_place(gdb)}"]
    if jtag is not None:
        from utvm.virtual_board.jtag import JtagDoor, JtagServer

        JtagServer(JtagDoor(machine), jtag, lease).start()
        ready.append(f"jtag {_place(jtag)}")
    print("\n".join(ready), flush=True)
    GdbServer(machine, gdb, lifeline, lease).serve()


def _listen(port_or_path: int | str) -> socket.socket:
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


def _port_or_path(text: str) -> int | str:
    return text if "/" in text else _port(text)


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 1 << 16:
        raise argparse.ArgumentTypeError(f"{number} is not a port number from 0 to 65535")
    return number


def _terminate(_signal: int, _frame: object) -> None:
    raise SystemExit(0)
