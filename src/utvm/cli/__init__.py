"""The command line: one file per command in `commands/`, what they share beside it."""

from utvm.cli.app import main

__all__ = ["main"]
