"""Run a tool and turn its failure into a ToolchainError that can be read."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from utvm.errors import ToolchainError

TIMEOUT_S = 600.0
"""Longest time for one tool: the first use of a core by zig builds its support library, on slow machines too."""

_SHOWN_LINES = 20
_SHOWN_COLUMNS = 400


def run_tool(command: Sequence[str], what: str, cwd: Path | None = None, *, with_messages: bool = False) -> str:
    """Standard output of the command, which does `what` ("compile conv2d.c"), run in `cwd`.

    `with_messages` adds what it wrote to standard error, where some tools print their version.
    Raises ToolchainError with the command, all its messages in `output`, and the first of them in the text.
    """
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ToolchainError(f"cannot {what}: {command[0]} did not end in {TIMEOUT_S:.0f} s", command) from error
    except OSError as error:
        raise ToolchainError(f"cannot {what}: {command[0]} cannot be started: {error}", command) from error
    if done.returncode != 0:
        output = done.stderr + done.stdout
        raise ToolchainError(
            f"cannot {what}: {Path(command[0]).name} ended with status {done.returncode}\n"
            f"{shorten(output)}\ncommand: {' '.join(command)}",
            command,
            output,
        )
    return done.stdout + done.stderr if with_messages else done.stdout


def shorten(output: str) -> str:
    """The first lines of a tool's messages, from the first error on if one is marked."""
    lines = [line.rstrip()[:_SHOWN_COLUMNS] for line in output.splitlines() if line.strip()]
    first = next((index for index, line in enumerate(lines) if "error" in line), 0)
    kept = lines[first : first + _SHOWN_LINES]
    left_out = len(lines) - len(kept)
    if left_out:
        kept.append(f"({left_out} more lines)")
    return "\n".join(f"  {line}" for line in kept)
