"""`utvm profile`: with a board that answers at once, and on the virtual board."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke, only_json
from tests.cli.fakes import CODE_ADDR, CYCLES_KIND, FakeBoards
from utvm.demo import load_digits

BOARD = "stm32f746-disco"


def test_layers_alone_have_their_shares(utvm: Invoke, dense: Path, dense_boards: FakeBoards) -> None:
    document = only_json(utvm("profile", dense, "-b", BOARD, "--json", services=dense_boards.services))
    layer = document["layers"][0]
    assert layer["cycles_per_mac"] == layer["cycles"] / layer["macs"]
    assert layer["share"] == layer["cycles"] / document["cycles"]
    assert document["functions"] is None
    assert document["cycles_kind"] == CYCLES_KIND


def test_hot_shows_code_and_what_was_lost(utvm: Invoke, dense: Path, dense_boards: FakeBoards) -> None:
    result = utvm("profile", dense, "-b", BOARD, "--hot", services=dense_boards.services)
    assert result.exit_code == 0, result.stderr
    assert "2 runs of 2 instructions" in result.stdout
    assert "pairing slots 0.50" in result.stdout
    assert "pairing 20.0%" in result.stdout  # one of five slots
    assert f"{CODE_ADDR:08x}  adds r0, #1" in result.stdout
    assert "arithmetic 50.0%, branch 50.0%" in result.stdout


def test_more_than_one_input_is_wrong_usage(
    utvm: Invoke, dense: Path, dense_boards: FakeBoards, tmp_path: Path
) -> None:
    import numpy as np

    np.save(tmp_path / "x.npy", np.zeros((2, 1, 6), np.int8))
    result = utvm("profile", dense, "-b", BOARD, "-i", tmp_path / "x.npy", services=dense_boards.services)
    assert result.exit_code == 2
    assert "one input, not 2" in result.stderr


@pytest.mark.parametrize("command", ["run", "profile"])
def test_an_unknown_rule_is_wrong_usage_before_anything_is_built(utvm: Invoke, dense: Path, command: str) -> None:
    result = utvm(command, dense, "-b", BOARD, "--timing", "cortex-m7,no-such-rule=1")
    assert result.exit_code == 2
    assert "no-such-rule" in result.stderr
    assert "Building" not in result.stderr


def _profile(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "utvm", "profile", str(load_digits().model_path), "-b", BOARD, "--hot", "--json"]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=300, check=True)
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def test_on_the_virtual_board_everything_adds_up() -> None:
    document = _profile()
    assert document["cycles_kind"] == "modelled: cortex-m7, zero-wait memory"
    functions = document["functions"]
    assert sum(function["cycles"] for function in functions) == document["counted_cycles"]
    assert document["cycles"] < document["counted_cycles"] < document["cycles"] + 20_000
    kernels = [function for function in functions if function["layers"]]
    assert kernels
    for function in functions:
        for block in function["blocks"]:
            assert block["instructions"] == block["runs"] * len(block["code"]), (function["name"], block["addr"])
    lost = sum(value for one in functions for key, value in one["details"].items() if key.startswith("lost-"))
    used = sum(function["instructions"] for function in functions)
    assert used + lost == pytest.approx(2 * document["counted_cycles"], rel=0.05)  # two issue slots a cycle


def test_the_model_and_the_memory_are_named_and_matter() -> None:
    plain, slow = (
        _profile("--timing", "one-cycle"),
        _profile("--timing", "cortex-m7,dual-issue=off", "--memory", "board"),
    )
    assert plain["cycles_kind"] == "modelled: one per instruction, zero-wait memory"
    assert plain["counted_cycles"] == sum(function["instructions"] for function in plain["functions"])
    assert slow["cycles_kind"] == "modelled: cortex-m7,dual-issue=off, the board's memory"
    assert slow["counted_cycles"] > plain["counted_cycles"]
    assert sum(function["details"]["fetch-stalls"] for function in slow["functions"]) > 0
