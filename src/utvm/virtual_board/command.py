"""The command line of the virtual board: a process of its own, which serves debuggers or runs a firmware."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from utvm.errors import UtvmError
from utvm.virtual_board.doors import Doors, serve
from utvm.virtual_board.setup import BoardSetup
from utvm.virtual_board.timing.choice import MEMORY_TIMINGS

USAGE_STATUS = 2
DEFAULT_TIMEOUT_S = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """Emulate a board until a debugger kills it, SIGTERM, or (with --exit-with-stdin) end of file on standard input.

    Prints a line for each door on standard output when it is ready: `gdb HOST:PORT`, then `jtag HOST:PORT` or
    `jtag PATH` if that was asked for. With --run a firmware runs instead of doors being opened, and standard output is
    the firmware's. Returns the exit status: 0, or 2 for a board, port or image that cannot be had, with one line on
    standard error; with --run the firmware's own, or 1 if it faulted or did not end in time.
    """
    arguments = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _terminate)
    try:
        setup = BoardSetup.of(arguments.board, arguments.timing, arguments.memory)
        if arguments.run is not None:
            return _run(setup, arguments.run, arguments.timeout)
        lifeline = sys.stdin.fileno() if arguments.exit_with_stdin else None
        serve(setup, Doors(arguments.gdb, arguments.jtag, lifeline))
    except UtvmError as error:
        print(f"utvm virtual-board: {error}", file=sys.stderr)
        return USAGE_STATUS
    except KeyboardInterrupt:
        pass
    return 0


def _run(setup: BoardSetup, path: Path, timeout_s: float) -> int:
    from utvm.toolchain.elf import read_elf
    from utvm.virtual_board.firmware import load_firmware, run_firmware

    image = read_elf(path)
    machine = setup.machine()
    load_firmware(machine, image)
    with machine.console.redirected(_standard_output):
        end = run_firmware(machine, image, timeout_s)
    if end.reason:
        print(f"utvm virtual-board: {end.reason}", file=sys.stderr)
    print(f"{end.instructions} instructions, {end.cycles} cycles ({setup.cycles_kind})", file=sys.stderr)
    return end.status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="utvm virtual-board",
        description="Emulate a board: serve GDB's remote protocol, and JTAG through OpenOCD's remote_bitbang; "
        "or run a firmware.",
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
        "--run",
        metavar="FIRMWARE.elf",
        type=Path,
        help="load this image, run it from reset to its end (semihosting exit, breakpoint instruction, fault), and end "
        "with its status",
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=_seconds,
        default=DEFAULT_TIMEOUT_S,
        help=f"with --run: the longest time in seconds; {DEFAULT_TIMEOUT_S:g} by default",
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
    return parser


def _standard_output(data: bytes) -> None:
    os.write(sys.stdout.fileno(), data)


def _port_or_path(text: str) -> int | str:
    return text if "/" in text else _port(text)


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 1 << 16:
        raise argparse.ArgumentTypeError(f"{number} is not a port number from 0 to 65535")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number <= 24 * 3600:
        raise argparse.ArgumentTypeError(f"{text} is not a time from 0 to {24 * 3600} seconds")
    return number


def _terminate(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt  # main ends as by Ctrl-C; SystemExit would pass it and tear the emulator down
