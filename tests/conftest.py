"""What tests share: where the benchmark models are, and which tools this machine has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

TOOLS = {
    "arm_gcc": ("arm-none-eabi-gcc",),
    "gdb": ("gdb-multiarch",),
    "openocd": ("openocd",),
    "cmake": ("cmake",),
    "chromium": ("chromium",),
    "qemu": ("qemu-system-arm", "qemu-system-riscv32"),
}


def _no_skip() -> bool:
    return os.environ.get("UTVM_NO_SKIP") == "1"


def _skip_or_fail(reason: str, may_skip: bool) -> NoReturn:
    if may_skip:
        pytest.skip(reason)
    pytest.fail(f"may not be skipped here: {reason}", pytrace=False)


def _require_models() -> Path:
    folder = os.environ.get("UTVM_MODELS")
    if not folder:
        reason = "UTVM_MODELS is not set; point it at the folder with the MLPerf Tiny models (docs/models.md)"
        _skip_or_fail(reason, may_skip=not (_no_skip() or os.environ.get("CI")))
    if not Path(folder).is_dir():
        _skip_or_fail(f"UTVM_MODELS names {folder}, which is not a folder", may_skip=False)
    return Path(folder)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or where skipping is not allowed fail, a test that is marked for something this machine lacks."""
    for marker, tools in TOOLS.items():
        for tool in tools if item.get_closest_marker(marker) else ():
            if shutil.which(tool) is None:
                _skip_or_fail(f"{tool} is not on the PATH", may_skip=not _no_skip())
    if item.get_closest_marker("models"):
        _require_models()


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of the MLPerf Tiny models; skips without it, and fails instead in CI."""
    return _require_models()
