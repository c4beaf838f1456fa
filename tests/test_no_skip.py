"""UTVM_NO_SKIP=1: whatever asks for a skip, there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPING = """
import pytest

def test_by_call():
    pytest.skip("missing")

@pytest.mark.skipif(True, reason="missing")
def test_by_mark():
    pass
"""


@pytest.mark.parametrize(("no_skip", "status"), [("", 0), ("1", 1)])
@pytest.mark.parametrize("text", [SKIPPING, "import pytest\npytest.skip('missing', allow_module_level=True)\n"])
def test_skips_are_failures_on_demand(tmp_path: Path, text: str, no_skip: str, status: int) -> None:
    (tmp_path / "test_skipping.py").write_text(text + "\n\ndef test_right():\n    pass\n", encoding="utf-8")
    (tmp_path / "test_other.py").write_text("def test_right():\n    pass\n", encoding="utf-8")
    repository = Path(__file__).parent.parent
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "--rootdir", str(tmp_path), str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command,
        cwd=repository,
        env={**environment, "UTVM_NO_SKIP": no_skip},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) == bool(status), done.stdout
    assert ("may not be skipped here" in done.stdout) == bool(no_skip)
