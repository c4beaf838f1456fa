"""Programs: saved and loaded whole, the same bytes from the same input, readable C."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from utvm.boards import load_board
from utvm.codegen.model_source import source_files
from utvm.codegen.program import Program
from utvm.codegen.program_io import load_program, save_program
from utvm.compiler import compile_model, load_model
from utvm.demo import load_digits
from utvm.errors import ProgramError, UsageError


@pytest.fixture(scope="module")
def program() -> Program:
    return compile_model(load_model(load_digits().model_path), load_board("stm32f746-disco"))


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_saved_and_loaded_is_the_same(program: Program, tmp_path: Path) -> None:
    save_program(program, tmp_path / "a")
    loaded = load_program(tmp_path / "a")
    save_program(loaded, tmp_path / "b")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")
    assert source_files(loaded) == source_files(program)
    assert (loaded.tensors, loaded.calls, loaded.kernels) == (program.tensors, program.calls, program.kernels)


def test_same_bytes_in_every_process(program: Program, tmp_path: Path) -> None:
    save_program(program, tmp_path / "here")
    script = (
        "import sys; from pathlib import Path; from utvm.boards import load_board;"
        "from utvm.compiler import compile_model, load_model; from utvm.codegen.program_io import save_program;"
        "save_program(compile_model(load_model(Path(sys.argv[1])), load_board('stm32f746-disco')), Path(sys.argv[2]))"
    )
    for seed in ("1", "4242"):
        target = tmp_path / f"seed{seed}"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script, str(load_digits().model_path), str(target)]
        subprocess.run(command, check=True, env=environment)
        assert folder_bytes(target) == folder_bytes(tmp_path / "here")


def test_saving_replaces_an_older_program_but_nothing_else(program: Program, tmp_path: Path) -> None:
    save_program(program, tmp_path / "p")
    (tmp_path / "p" / "stale.c").write_text("int stale;")
    save_program(program, tmp_path / "p")
    assert "stale.c" not in folder_bytes(tmp_path / "p")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ProgramError, match="holds other files"):
        save_program(program, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "file").write_text("")
    with pytest.raises(ProgramError, match="is a file"):
        save_program(program, tmp_path / "file")


@pytest.mark.parametrize("name", ["metadata.json", "kernels.c", "constants.bin"])
def test_missing_files_are_named(program: Program, tmp_path: Path, name: str) -> None:
    save_program(program, tmp_path / "p")
    (tmp_path / "p" / name).unlink()
    with pytest.raises(ProgramError, match=name):
        load_program(tmp_path / "p")


@pytest.mark.parametrize("name", ["kernels.c", "constants.bin", "model.c"])
def test_changed_files_are_named(program: Program, tmp_path: Path, name: str) -> None:
    save_program(program, tmp_path / "p")
    path = tmp_path / "p" / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ProgramError, match=name):
        load_program(tmp_path / "p")


def test_malformed_metadata_is_named(program: Program, tmp_path: Path) -> None:
    save_program(program, tmp_path / "p")
    path = tmp_path / "p" / "metadata.json"
    document = json.loads(path.read_text())
    for key, value in [("format", 99), ("calls", "none"), ("tensors", [{"name": 1}])]:
        path.write_text(json.dumps({**document, key: value}))
        with pytest.raises(ProgramError, match=key):
            load_program(tmp_path / "p")
    path.write_text("{")
    with pytest.raises(ProgramError, match="not a program"):
        load_program(tmp_path / "p")
    path.write_text(json.dumps({**document, "files_sha256": {"../secret": "0"}}))
    with pytest.raises(ProgramError, match="outside the folder"):
        load_program(tmp_path / "p")


def test_unknown_tensor_lists_the_known(program: Program) -> None:
    with pytest.raises(UsageError, match="no tensor 'nope'"):
        program.tensor("nope")


def test_c_says_what_it_needs_and_holds_no_heap(program: Program) -> None:
    for name, text in source_files(program).items():
        if not name.startswith("utvm_"):
            assert "No heap, no stdio, no libm" in text
        for forbidden in ("malloc", "printf", "<math.h>", "<stdlib.h>", "<stdio.h>"):
            assert forbidden not in text, f"{forbidden} in {name}"
    kernels = source_files(program)["kernels.c"]
    assert "restrict" in kernels and "input: int8 1x8x8x1" in kernels
