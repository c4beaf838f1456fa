"""What the README shows works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"\[85344\] \d+\n", done.stdout)


def test_files_that_it_names_exist() -> None:
    for link in re.findall(r"\]\(([\w./-]+)\)", README):
        assert (Path(__file__).parents[1] / link).is_file(), link


def test_commands_that_it_names_exist() -> None:
    from utvm.cli.app import COMMANDS

    for command in re.findall(r"^utvm ([\w-]+)", README, re.MULTILINE):
        assert command in COMMANDS
