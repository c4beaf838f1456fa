"""`utvm virtual-board`: the virtual twin of a board, for gdb and other debuggers."""

from __future__ import annotations

import os
import sys

import click

from utvm.cli.options import debug_option


@click.command("virtual-board", short_help="Start a virtual board that gdb and other debuggers can attach to.")
@click.argument("board")
@click.option("--gdb", "port", type=click.IntRange(0, 65535), help="TCP port of its GDB server.")
@click.option("--jtag", metavar="PORT", help="TCP port, or path of a Unix socket, for OpenOCD's remote_bitbang driver.")
@debug_option
def command(board: str, port: int | None, jtag: str | None) -> None:
    """Start the virtual twin of BOARD and serve debuggers until interrupted."""
    from utvm.boards import load_board

    load_board(board)
    options = [] if port is None else ["--gdb", str(port)]
    options += [] if jtag is None else ["--jtag", jtag]
    # The virtual board is a program of its own: it takes this process's place, and its signals and status with it.
    os.execv(sys.executable, [sys.executable, "-m", "utvm.virtual_board", board, *options])
