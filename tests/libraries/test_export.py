"""Exported: the library's own sources go along, under prefixed names, with their licence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.export.programs import ZIG, as_bytes, digits, library_of, run_binary, write_files
from tests.export.test_cmake import build, run_on_virtual_board
from tests.export.test_library import build as build_for_host
from tests.libraries.conftest import PLAIN_NN
from tests.models import random_inputs
from utvm.boards import load_board
from utvm.compiler import compile_model
from utvm.export import FORMATS, ExportRequest, Sample, format_files
from utvm.libraries import load_library, use_libraries
from utvm.operators import run_reference

F746 = "stm32f746-disco"


def request(prefix: str, board: str = F746) -> ExportRequest:
    with use_libraries([load_library(PLAIN_NN)], ["plain-nn"]):
        program = compile_model(digits(), load_board(board))
    (inputs,) = random_inputs(digits(), 1)
    sample = Sample(inputs, run_reference(digits(), inputs))
    return ExportRequest(library_of(program, prefix), load_board(board), sample)


@pytest.mark.cmake
@pytest.mark.parametrize("preset", [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"])
def test_firmware(preset: str, tmp_path: Path) -> None:
    made = request("digits")
    run_on_virtual_board(made, build(made, tmp_path, preset))
    assert 'digits_plain_nn_dense.c PROPERTIES COMPILE_OPTIONS "-O3"' in (tmp_path / "CMakeLists.txt").read_text()


def test_two_models_with_the_same_library_in_one_program(tmp_path: Path) -> None:
    """On this computer: no symbol is defined twice."""
    first, second = request("first", "host").library, request("second", "host").library
    runs = random_inputs(digits(), 2)
    got = run_binary(
        build_for_host(tmp_path, (*ZIG, "cc"), first, second),
        b"".join(as_bytes(run, digits().inputs) for run in runs),
    )
    assert got == b"".join(as_bytes(run_reference(digits(), run), digits().outputs) for run in runs)
    text = (tmp_path / "second" / "second_plain_nn_convolve.c").read_text()
    assert text.startswith("/* src/convolve.c of plain-nn 1.2") and "uTVM renamed its includes" in text


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format_has_the_files_and_the_licence(format_name: str, tmp_path: Path) -> None:
    made = request("net", "qemu-riscv32-virt" if format_name == "esp-idf" else F746)
    files = format_files(format_name, made)
    if format_name == "archive":
        assert b"net_plain_nn_LICENSE.txt" in bytes(files["net.tar"])  # type: ignore[arg-type]
        return
    names = {Path(name).name for name in files}
    assert {"net_plain_nn_dense.c", "net_plain_nn_plain_nn.h", "net_plain_nn_LICENSE.txt", "utvm_string.h"} <= names
    place = write_files(files, tmp_path)
    readme = (place / "README.md").read_text(encoding="utf-8")
    assert "licence of plain-nn | `net_plain_nn_LICENSE.txt`" in readme and "compile them with `-O3`" in readme
    assert np.all([f"net_plain_nn_{name}" in names for name in ("dot_arm.S", "rounding.h", "utvm_kernels.c")])
