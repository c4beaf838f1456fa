"""docs/cli.md names every command and every JSON key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Invoke, only_json
from tests.cli.fakes import FakeBoards
from utvm.cli.app import COMMANDS
from utvm.compiler import load_model
from utvm.demo import load_digits

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
BOARD = "stm32f746-disco"


def test_every_command_is_described() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"`utvm {name}" in text


@pytest.mark.parametrize("command", ["run", "profile", "compile", "demo"])
def test_every_key_is_described(utvm: Invoke, command: str) -> None:
    text = DOCS.read_text(encoding="utf-8")
    model = load_digits().model_path
    services = FakeBoards(load_model(model)).services
    arguments: dict[str, list[object]] = {
        "run": ["run", model, "-b", BOARD, "--check"],
        "profile": ["profile", model, "-b", BOARD, "--hot"],
        "compile": ["compile", model, "-b", BOARD, "--no-build"],
        "demo": ["demo", "-n", "2"],
    }
    document = only_json(utvm(*arguments[command], "--json", services=services))
    keys = set(document)
    for name in ("layers", "calls", "kernels", "constants", "memory_plan", "outputs", "functions"):
        keys |= {key for item in document.get(name, ()) for key in item}
    for name in ("ram_bytes", "flash_bytes", "board", "toolchain", "check"):
        keys |= set(document.get(name) or ())
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []
