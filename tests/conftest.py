"""What tests share: where the benchmark models are, and which tools this machine has."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

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


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Where nothing may be skipped a skip is a failure, whoever asked for it."""
    if _no_skip() and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"may not be skipped here: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report)
    return report


def _require_models() -> Path:
    folder = os.environ.get("UTVM_MODELS")
    if not folder:
        reason = "UTVM_MODELS is not set; point it at the folder with the MLPerf Tiny models (docs/models.md)"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    if not Path(folder).is_dir():
        pytest.fail(f"UTVM_MODELS names {folder}, which is not a folder", pytrace=False)
    return Path(folder)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that is marked for something this machine lacks."""
    for marker, tools in TOOLS.items():
        for tool in tools if item.get_closest_marker(marker) else ():
            if shutil.which(tool) is None:
                pytest.skip(f"{tool} is not on the PATH")
    if item.get_closest_marker("models"):
        _require_models()


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """The folder of the MLPerf Tiny models; skips without it, and fails instead in CI."""
    return _require_models()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect, which is shown and is no skip, tests of a library that nobody named: it does not come with us."""
    unnamed = [item for item in items if item.get_closest_marker("cmsis_nn") and not os.environ.get("UTVM_CMSIS_NN")]
    if unnamed:
        config.hook.pytest_deselected(items=unnamed)
        items[:] = [item for item in items if item not in unnamed]
