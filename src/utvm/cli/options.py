"""Options that several commands share, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path

import click

TOOLCHAINS = ("auto", "gcc", "zig")

# The boundary reads --debug and --json from the arguments; the options make them known, wherever they stand.
debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when something fails.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
verbose_option = click.option("-v", "--verbose", is_flag=True, help="Say how long each stage took.")
model_argument = click.argument("model", type=click.Path(exists=True, path_type=Path))
board_option = click.option(
    "-b", "--board", metavar="BOARD", help="A name that `utvm boards` lists, or the path of a .toml file."
)
timing_option = click.option(
    "--timing", metavar="MODEL[,RULE=VALUE...]",
    help="How a virtual board counts cycles: cortex-m7,mac-load-pairing=off or one-cycle, say. Default: its core's.",
)  # fmt: skip
memory_option = click.option(
    "--memory", type=click.Choice(("zero-wait", "board")), default="zero-wait", show_default=True,
    help="Whether a virtual board counts its caches and wait states.",
)  # fmt: skip
via_option = click.option(
    "--via", metavar="WAY",
    help="Way to the board: virtual, arena, qemu, gdb://HOST:PORT, openocd://HOST:PORT, pyocd or pyocd://PROBE. "
    "Default: its file's.",
)  # fmt: skip
mode_option = click.option(
    "--mode", type=click.Choice(("standalone", "hosted")),
    help="A firmware image in flash (default on virtual boards and QEMU), or a session in RAM (default elsewhere).",
)  # fmt: skip
toolchain_option = click.option(
    "--toolchain", type=click.Choice(TOOLCHAINS), default="auto", show_default=True,
    help="C compiler: gcc for the board, the zig that comes with pip, or gcc when found and else zig.",
)  # fmt: skip
