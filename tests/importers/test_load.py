"""Reading a model file by its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.importers.damage import relu_model
from utvm.compiler import load_model
from utvm.errors import ImportModelError, UsageError
from utvm.importers.tflite import MAX_FILE_BYTES


def test_a_file_names_its_model(tmp_path: Path) -> None:
    path = tmp_path / "relu.tflite"
    path.write_bytes(relu_model())
    assert load_model(path).name == "relu.tflite"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ImportModelError, match=r"missing\.tflite: cannot be read: No such file"):
        load_model(tmp_path / "missing.tflite")


def test_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder.tflite"
    folder.mkdir()
    with pytest.raises(ImportModelError, match=r"folder\.tflite: cannot be read"):
        load_model(folder)


def test_another_suffix(tmp_path: Path) -> None:
    path = tmp_path / "relu.pb"
    path.write_bytes(relu_model())
    with pytest.raises(UsageError, match=r"the suffix \.pb is not one of \.tflite"):
        load_model(path)


def test_a_huge_file_is_refused_by_its_size(tmp_path: Path) -> None:
    path = tmp_path / "huge.tflite"
    with path.open("wb") as file:
        file.truncate(64 * MAX_FILE_BYTES)  # sparse: takes no disk
    with pytest.raises(ImportModelError, match=r"huge\.tflite: over 128 MiB, which no microcontroller holds"):
        load_model(path)
