"""The tests' own library, as it is and with changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

PLAIN_NN = Path(__file__).parent / "plain_nn"

Changed = Callable[[dict[str, tuple[str, str]]], Path]
"""From (old, new) texts by file to a folder with the library so changed."""


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    def copy(changes: dict[str, tuple[str, str]]) -> Path:
        folder = tmp_path / "library"
        shutil.copytree(PLAIN_NN, folder, ignore=shutil.ignore_patterns("__pycache__"))
        for name, (old, new) in changes.items():
            text = (folder / name).read_text(encoding="utf-8")
            assert old in text, f"{name} does not have {old!r}"
            (folder / name).write_text(text.replace(old, new), encoding="utf-8")
        return folder

    return copy
