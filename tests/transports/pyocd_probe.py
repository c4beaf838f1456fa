"""Lets pyOCD find the JTAG door of a virtual board as its only probe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# The chip of pyOCD's own list whose flash controller and first sectors are those of the STM32F746.
PYOCD_TARGET = "stm32f767zi"

_PLUGIN = str(Path(__file__).parent / "pyocd_plugin")


def connect_probe(monkeypatch: pytest.MonkeyPatch, jtag_place: str, working_directory: Path) -> None:
    """For every pyOCD that is started until the test's end. pyOCD reads its configuration from where it is started."""
    monkeypatch.setenv("UTVM_TEST_JTAG", jtag_place)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (_PLUGIN, os.environ.get("PYTHONPATH")))))
    monkeypatch.chdir(working_directory)
