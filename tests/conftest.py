"""What tests share: where the benchmark models are, and which tools this machine has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

TOOLS = {"arm_gcc": "arm-none-eabi-gcc", "gdb": "gdb-multiarch"}


def _no_skip() -> bool:
    return os.environ.get("UTVM_NO_SKIP") == "1"


def _models_missing() -> str | None:
    folder = os.environ.get("UTVM_MODELS")
    if not folder:
        return "UTVM_MODELS is not set; point it at the folder with the MLPerf Tiny models (docs/models.md)"
    return None if Path(folder).is_dir() else f"UTVM_MODELS names {folder}, which is not a folder"


def _skip_or_fail(reason: str, may_skip: bool) -> None:
    if may_skip:
        pytest.skip(reason)
    pytest.fail(f"may not be skipped here: {reason}", pytrace=False)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, or where skipping is not allowed fail, a test that is marked for something this machine lacks."""
    for marker, tool in TOOLS.items():
        if item.get_closest_marker(marker) and shutil.which(tool) is None:
            _skip_or_fail(f"{tool} is not on the PATH", may_skip=not _no_skip())
    if item.get_closest_marker("models") and (reason := _models_missing()):
        _skip_or_fail(reason, may_skip=not (_no_skip() or os.environ.get("CI")))


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of the MLPerf Tiny models; skips without it, and fails instead in CI."""
    if reason := _models_missing():
        _skip_or_fail(reason, may_skip=not (_no_skip() or os.environ.get("CI")))
    return Path(os.environ["UTVM_MODELS"])
