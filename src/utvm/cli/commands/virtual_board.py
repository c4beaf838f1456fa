"""`utvm virtual-board`: the virtual twin of a board, for gdb and other debuggers, or to run a firmware."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from utvm.cli.options import debug_option, memory_option, timing_option


@click.command(
    "virtual-board", short_help="Start a virtual board that debuggers can attach to, or run a firmware on it."
)
@click.argument("board")
@click.option("--gdb", metavar="PORT", type=click.IntRange(0, 65535), help="TCP port of its GDB server.")
@click.option("--jtag", metavar="PORT|PATH", help="TCP port or Unix socket for OpenOCD's remote_bitbang driver.")
@click.option(
    "--run", "firmware", metavar="FIRMWARE.elf", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run this image from reset to its end instead; its output is ours, and its exit status too.",
)  # fmt: skip
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True,
    help="Longest time for --run, in seconds.",
)  # fmt: skip
@timing_option
@memory_option
@debug_option
def command(
    board: str,
    gdb: int | None,
    jtag: str | None,
    firmware: Path | None,
    timeout_s: float,
    timing: str | None,
    memory: str,
) -> None:
    """Start the virtual twin of BOARD: serve debuggers until interrupted, or run a firmware.

    A firmware ends by a semihosting exit, a breakpoint instruction, a fault or the time-out.
    """
    from utvm.boards import load_board
    from utvm.cli.services import check_timing

    check_timing(timing, load_board(board))
    options = ["--memory", memory]
    options += [] if gdb is None else ["--gdb", str(gdb)]
    options += [] if jtag is None else ["--jtag", jtag]
    options += [] if firmware is None else ["--run", str(firmware), "--timeout", str(timeout_s)]
    options += [] if timing is None else ["--timing", timing]
    # The virtual board is a program of its own: it takes this process's place, and its signals and status with it.
    os.execv(sys.executable, [sys.executable, "-m", "utvm.virtual_board", board, *options])
