"""The help is quick, and nothing heavy is imported for it."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import time

import pytest

HEAVY = ("tvm", "numpy", "rich", "pydantic", "unicorn", "tflite", "utvm.compiler", "utvm.boards")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"], ["compile", "--help"]])
def test_nothing_heavy_is_imported_for_help(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom utvm.cli import main\n"
        f"sys.argv = ['utvm', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0, end.code\n"
        f"print('heavy:', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("heavy: []\n")


def test_help_takes_a_moment() -> None:
    times_s = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "utvm", "--help"], capture_output=True, check=True)
        times_s.append(time.perf_counter() - began)
    # The least of three: other work on the machine only adds.
    assert min(times_s) < 0.3


def test_python_dash_m_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "utvm", "-V"], capture_output=True, text=True, check=True)
    assert done.stdout == f"utvm {importlib.metadata.version('utvm')}\n"
    assert done.stderr == ""


def test_every_command_is_in_the_help() -> None:
    done = subprocess.run([sys.executable, "-m", "utvm", "--help"], capture_output=True, text=True, check=True)
    for name in ("demo", "compile", "run", "boards", "doctor", "virtual-board"):
        assert f"\n  {name} " in done.stdout
