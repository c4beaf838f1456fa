"""Progress: a bar on a terminal, lines elsewhere, nothing on standard output either way."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip("pty", reason="pseudo-terminals are a POSIX thing")

COMMAND = [sys.executable, "-m", "utvm", "compile", "--board", "stm32f746-disco", "--no-build", "--json"]


def _on_a_terminal(command: list[str]) -> tuple[str, str]:
    """Standard output and standard error of a command whose standard error is a terminal."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, env={**os.environ, "TERM": "xterm"})
    os.close(terminal)
    shown = b""
    try:
        while piece := os.read(controller, 4096):
            shown += piece
    except OSError:  # Linux says so when the other end is closed
        pass
    finally:
        os.close(controller)
    assert process.stdout is not None
    output = process.stdout.read()
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    return output.decode(), shown.decode()


def test_a_bar_on_a_terminal(dense: Path) -> None:
    output, shown = _on_a_terminal([*COMMAND, str(dense)])
    assert output.startswith("{") and "\x1b" not in output
    assert "\x1b[" in shown
    assert "Compiling dense.tflite" in shown


def test_times_stay_on_a_terminal(dense: Path) -> None:
    _, shown = _on_a_terminal([*COMMAND, "--verbose", str(dense)])
    assert re.search(r"Compiling dense\.tflite for stm32f746-disco: \d+\.\d\d s", shown)


def test_lines_elsewhere(dense: Path) -> None:
    done = subprocess.run([*COMMAND, str(dense)], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [
        "utvm: Reading dense.tflite ...",
        "utvm: Compiling dense.tflite for stm32f746-disco ...",
    ]
    assert "\x1b" not in done.stdout
