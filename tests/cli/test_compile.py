"""`utvm compile`, and running what it saved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke, only_json
from tests.cli.fakes import FakeBoards
from utvm.compiler import load_model

BOARD = "stm32f746-disco"


@pytest.fixture
def saved(utvm: Invoke, dense: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "program"
    result = utvm("compile", dense, "-b", BOARD, "--no-build", "-o", folder)
    assert result.exit_code == 0, result.stderr
    assert f"saved to {folder}" in result.stdout
    return folder


def test_json_without_a_c_compiler(utvm: Invoke, dense: Path) -> None:
    result = utvm("compile", dense, "-b", BOARD, "--no-build", "--json")
    assert result.exit_code == 0, result.stderr
    document = only_json(result)
    assert document["toolchain"] is None and document["saved_to"] is None
    assert document["flash_bytes"]["text"] is None and document["flash_bytes"]["total"] is None
    assert document["flash_bytes"]["constants"] == sum(item["bytes"] for item in document["constants"])
    assert document["macs"] == 24 == sum(call["macs"] for call in document["calls"])
    assert document["calls"][0]["operator"] == "FullyConnected"
    kernels = {kernel["name"]: kernel for kernel in document["kernels"]}
    for index, call in enumerate(document["calls"]):
        assert index in kernels[call["kernel"]]["calls"]
    for tensor in document["memory_plan"]:
        assert tensor["offset"] + tensor["bytes"] <= document["ram_bytes"]["arena"][tensor["region"]]
        assert tensor["first_call"] <= tensor["last_call"]
    assert document["provenance"]["model_sha256"] == load_model(dense).source_hash


def test_with_a_c_compiler(utvm: Invoke, dense: Path) -> None:
    result = utvm("compile", dense, "-b", BOARD, "--json")
    assert result.exit_code == 0, result.stderr
    document = only_json(result)
    assert document["toolchain"]["kind"] in ("gcc", "zig")
    assert document["flash_bytes"]["text"] > 0
    ram = document["ram_bytes"]
    assert ram["total"] == sum(ram["arena"].values()) + ram["runtime"] + ram["stack_reserved"]


def test_text(utvm: Invoke, dense: Path) -> None:
    result = utvm("compile", dense, "-b", BOARD, "--no-build")
    assert "dense.tflite for STM32F746G Discovery" in result.stdout
    assert "24 MACs; C generated, no image built" in result.stdout
    assert "total: needs a C compiler" in result.stdout


def test_a_saved_program_runs_as_it_is(utvm: Invoke, saved: Path, dense: Path) -> None:
    boards = FakeBoards(load_model(dense))
    result = utvm("run", saved, "--check", "--reference", dense, "--json", services=boards.services)
    assert result.exit_code == 0, result.stderr
    document = only_json(result)
    assert document["mismatches"] == 0
    assert document["board"]["name"] == BOARD
    assert "Compiling" not in result.stderr


def test_a_saved_program_needs_its_model_for_a_check(
    utvm: Invoke, saved: Path, dense: Path, two_by_two: Path
) -> None:  # fmt: skip
    boards = FakeBoards(load_model(dense))
    without = utvm("run", saved, "--check", services=boards.services)
    assert without.exit_code == 2
    assert "--reference dense.tflite" in without.stderr
    other = utvm("run", saved, "--check", "--reference", two_by_two, services=boards.services)
    assert other.exit_code == 2
    assert "is not the file that dense.tflite was compiled from" in other.stderr
    assert boards.sessions == []


def test_a_saved_program_keeps_its_board(utvm: Invoke, saved: Path) -> None:
    result = utvm("run", saved, "-b", "nucleo-g0b1re")
    assert result.exit_code == 2
    assert "was compiled for stm32f746-disco, not for nucleo-g0b1re" in result.stderr


def test_a_damaged_program(utvm: Invoke, saved: Path) -> None:
    (saved / "constants.bin").write_bytes(b"")
    result = utvm("run", saved, "--json")
    assert result.exit_code == 1
    assert only_json(result)["error"]["type"] == "ProgramError"
    shutil.rmtree(saved)
    saved.mkdir()
    assert utvm("run", saved).exit_code == 1


def test_other_peoples_files_are_not_replaced(utvm: Invoke, dense: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine", encoding="utf-8")
    result = utvm("compile", dense, "-b", BOARD, "--no-build", "-o", tmp_path)
    assert result.exit_code == 1
    assert (tmp_path / "precious.txt").read_text(encoding="utf-8") == "mine"
