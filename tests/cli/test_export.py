"""`utvm export` from the command line: what it writes, over what it writes, what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

import utvm.export
from tests.cli.conftest import Invoke, only_json
from utvm.cli.commands import export
from utvm.export.formats import FORMATS

BOARD = "stm32f746-disco"


def test_the_command_knows_the_formats() -> None:
    assert export.FORMATS == FORMATS
    assert export.ARENAS == utvm.export.ARENAS


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_is_written(utvm: Invoke, dense: Path, tmp_path: Path, format_name: str) -> None:
    folder = tmp_path / "out"
    board = "qemu-riscv32-virt" if format_name == "esp-idf" else BOARD
    result = utvm("export", dense, "-b", board, "-f", format_name, "-o", folder, "--prefix", "tiny", "--json")
    assert result.exit_code == 0, result.stderr
    document = only_json(result)
    assert document["format"] == format_name and document["prefix"] == "tiny"
    assert all((folder / name).is_file() for name in document["files"])


def test_the_text_says_where_to_read_on(utvm: Invoke, dense: Path, tmp_path: Path) -> None:
    result = utvm("export", dense, "-b", BOARD, "-f", "c", "-o", tmp_path / "out", "--arena", "static")
    assert result.exit_code == 0, result.stderr
    assert "the library's own" in result.stdout and "README.md" in result.stdout
    assert (tmp_path / "out" / "dense.h").is_file()


def test_a_saved_program_can_be_exported(utvm: Invoke, dense: Path, tmp_path: Path) -> None:
    assert utvm("compile", dense, "-b", BOARD, "--no-build", "-o", tmp_path / "program").exit_code == 0
    result = utvm("export", tmp_path / "program", "-f", "cmake", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert "sample_output" not in (tmp_path / "out" / "sample.c").read_text()


def test_an_export_replaces_its_own_files_only(utvm: Invoke, dense: Path, tmp_path: Path) -> None:
    def export_as(format_name: str, *more: str) -> int:
        return utvm("export", dense, "-b", BOARD, "-f", format_name, "-o", tmp_path / "out", *more).exit_code

    assert export_as("cmake") == 0
    mine = tmp_path / "out" / "notes.txt"
    mine.write_text("mine")
    assert export_as("c") == 0
    assert mine.read_text() == "mine"
    assert not (tmp_path / "out" / "main.c").exists()


def test_changed_files_are_kept_unless_forced(utvm: Invoke, dense: Path, tmp_path: Path) -> None:
    arguments = ("export", dense, "-b", BOARD, "-f", "cmake", "-o", tmp_path / "out")
    assert utvm(*arguments).exit_code == 0
    main = tmp_path / "out" / "main.c"
    main.write_text("int main(void) { return 7; }\n")
    refused = utvm(*arguments)
    assert refused.exit_code == 1
    assert "main.c changed since the last export" in refused.stderr
    assert "return 7" in main.read_text()
    assert utvm(*arguments, "--force").exit_code == 0
    assert "return 7" not in main.read_text()


def test_another_folder_is_not_touched(utvm: Invoke, dense: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    result = utvm("export", dense, "-b", BOARD, "-f", "c", "-o", tmp_path)
    assert result.exit_code == 1
    assert "other files than an export" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


@pytest.mark.parametrize("record", ["{", "[]", '{"../../etc/passwd": "0"}', '{"/tmp/x": "0"}', '{"a": 1}'])
def test_a_damaged_manifest_is_an_error(utvm: Invoke, dense: Path, tmp_path: Path, record: str) -> None:
    (tmp_path / ".utvm-export.json").write_text(record)
    result = utvm("export", dense, "-b", BOARD, "-f", "c", "-o", tmp_path)
    assert result.exit_code == 1
    assert "is damaged" in result.stderr


def test_bad_options_are_usage_errors(utvm: Invoke, dense: Path, tmp_path: Path) -> None:
    for arguments in (["--prefix", "2x"], ["--section", "dtcm=.x"], ["--section", "x"]):
        result = utvm("export", dense, "-b", BOARD, "-f", "c", "-o", tmp_path / "out", *arguments)
        assert result.exit_code == 2, arguments
        assert not (tmp_path / "out").exists()


def test_a_given_input_is_the_sample(utvm: Invoke, dense: Path, tmp_path: Path) -> None:
    import numpy as np

    np.save(tmp_path / "x.npy", np.array([1, -2, 3, -4, 5, -6], np.int8))
    result = utvm("export", dense, "-b", BOARD, "-f", "cmake", "-o", tmp_path / "out", "-i", tmp_path / "x.npy")
    assert result.exit_code == 0, result.stderr
    assert "1, -2, 3, -4, 5, -6," in (tmp_path / "out" / "sample.c").read_text()
