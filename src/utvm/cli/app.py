"""The `utvm` command: finds sub-commands by name and imports only the one that runs."""

from __future__ import annotations

import importlib
import sys
from typing import Any, NoReturn

import click

from utvm.cli.boundary import guarded
from utvm.cli.options import debug_option
from utvm.cli.services import Services

COMMANDS = (
    "demo",
    "compile",
    "run",
    "profile",
    "tune",
    "evaluate",
    "export",
    "flash",
    "boards",
    "doctor",
    "virtual-board",
)
"""In the order of the help; `virtual-board` is commands/virtual_board.py."""

CONTEXT_SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class CommandGroup(click.Group):
    """A group whose commands are imported on demand, and whose `main` is the boundary that no error passes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now; None if there is none."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"utvm.cli.commands.{cmd_name.replace('-', '_')}")
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module.__name__}.command is not a click command")
        return command

    def main(self, args: Any = None, *rest: Any, **extra: Any) -> NoReturn:
        """Run and exit: 0 done, 1 the model or the device failed, 2 wrong usage, 130 interrupted."""
        arguments = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        sys.exit(guarded(lambda: super(CommandGroup, self).main(arguments, *rest, **extra), arguments))


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"utvm {version('utvm')}")
        ctx.exit()


@click.group(
    "utvm", cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.option(
    "-V", "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version,
    help="Show the version and exit.",
)  # fmt: skip
@debug_option
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Neural networks on bare-metal microcontrollers.

    µTVM compiles int8 .tflite files to plain C and runs them on a board; a virtual one comes with it. Start with
    `utvm demo`, or with `utvm run MODEL.tflite --board stm32f746-disco --check`.

    Exit status: 0 done, 1 the model or the device failed, 2 wrong usage.
    """
    ctx.obj = ctx.obj or Services()


def main() -> NoReturn:
    """The entry point of the `utvm` script and of `python -m utvm`."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A terminal without µ or table lines shows question marks rather than an error.
            reconfigure(errors="replace")
    cli.main(prog_name="utvm")
