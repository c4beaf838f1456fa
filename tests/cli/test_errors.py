"""Every error ends in one message, the right exit status, and no traceback unless asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import utvm.errors
from tests.cli.conftest import Invoke, only_json
from tests.cli.fakes import FakeBoards
from utvm.compiler import load_model
from utvm.errors import (
    ArenaEnded,
    BoardError,
    KernelError,
    UnsupportedModelError,
    UnsupportedOperator,
    UsageError,
    UtvmError,
)

BOARD = "stm32f746-disco"


def _classes(base: type[UtvmError]) -> list[type[UtvmError]]:
    return [base, *(found for child in base.__subclasses__() for found in _classes(child))]


def _example(kind: type[UtvmError]) -> UtvmError:
    if kind is UnsupportedModelError:
        return UnsupportedModelError("m.tflite", [UnsupportedOperator("LSTM", "node 0", 1, "int8", "no")])
    if issubclass(kind, KernelError | ArenaEnded):
        return kind("the reason, in words", status=3)
    return kind("the reason, in words")


@pytest.mark.parametrize("kind", _classes(UtvmError), ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("as_json", [False, True])
def test_every_error_class(utvm: Invoke, dense: Path, kind: type[UtvmError], as_json: bool) -> None:
    assert kind.__module__ == "utvm.errors"
    error = _example(kind)
    boards = FakeBoards(load_model(dense), error=error)
    result = utvm("run", dense, "-b", BOARD, *(["--json"] if as_json else []), services=boards.services)
    assert result.exit_code == (2 if issubclass(kind, (UsageError, BoardError)) else 1)
    assert f"error: {error}\n" in result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    if as_json:
        assert only_json(result) == {"error": {"type": kind.__name__, "message": str(error)}}
    else:
        assert result.stdout == ""


def test_all_errors_of_the_tree_are_covered() -> None:
    named = {value for value in vars(utvm.errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert named == set(_classes(UtvmError))


@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_the_traceback_wherever_it_stands(utvm: Invoke, dense: Path, place: str) -> None:
    arguments = ["run", dense, "-b", "no-such-board"]
    result = utvm(*(["--debug", *arguments] if place == "before" else [*arguments, "--debug"]))
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert "error: no board is named 'no-such-board'" in result.stderr


def test_what_nobody_expected_is_one_line(utvm: Invoke, dense: Path) -> None:
    boards = FakeBoards(load_model(dense), error=ZeroDivisionError("division by zero"))
    result = utvm("run", dense, "-b", BOARD, "--json", services=boards.services)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("error: internal error: ZeroDivisionError: division by zero; ")
    assert "--debug" in result.stderr and "Traceback" not in result.stderr
    assert only_json(result)["error"]["type"] == "InternalError"
    shown = utvm("run", dense, "-b", BOARD, "--debug", services=boards.services)
    assert shown.exit_code == 1
    assert "Traceback" in shown.stderr


def test_an_interruption_writes_nothing(utvm: Invoke, dense: Path, tmp_path: Path) -> None:
    boards = FakeBoards(load_model(dense), error=KeyboardInterrupt())
    output = tmp_path / "y.npy"
    result = utvm("run", dense, "-b", BOARD, "-o", output, services=boards.services)
    assert result.exit_code == 130
    assert result.stderr.endswith("error: interrupted\n")
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rnu"], "No such command 'rnu'"),
        (["run"], "Missing argument 'MODEL'"),
        (["run", "no-such-file.tflite", "-b", BOARD], "does not exist"),
        (["run", __file__, "-b", BOARD], "the suffix .py is not one of .tflite"),
        (["run", "{dense}"], "--board is needed"),
        (
            ["compile", "{dense}", "-b", "no-such-board"],
            "no board is named 'no-such-board'; there are host, nucleo",
        ),
        (["compile", "{dense}", "-b", "missing.toml"], "missing.toml: cannot be read as a board file"),
        (["boards", "no-such-board"], "no board is named 'no-such-board'"),
        (["run", "{dense}", "-b", BOARD, "--random", "0"], "--random"),
        (["run", "{dense}", "-b", BOARD, "--toolchain", "tcc"], "--toolchain"),
        (["demo", "--images", "361"], "--images"),
    ],
)
def test_wrong_usage(utvm: Invoke, dense: Path, arguments: list[str], message: str) -> None:
    filled = [argument.replace("{dense}", str(dense)) for argument in arguments]
    for result in (utvm(*filled), utvm(*filled, "--json")):
        assert result.exit_code == 2
        assert message in result.stderr
        assert "Traceback" not in result.stderr
    assert message in only_json(result)["error"]["message"]


def test_a_virtual_board_that_does_not_exist(utvm: Invoke) -> None:
    result = utvm("virtual-board", "no-such-board")
    assert result.exit_code == 2
    assert "no board is named 'no-such-board'" in result.stderr


def test_a_broken_file(utvm: Invoke, dense: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(dense.read_bytes()[:100])
    result = utvm("run", broken, "-b", BOARD, "--json")
    assert result.exit_code == 1
    assert only_json(result)["error"]["type"] == "ImportModelError"
    assert "broken.tflite" in result.stderr and "Traceback" not in result.stderr


def test_a_model_that_does_not_fit(utvm: Invoke, too_large: Path) -> None:
    result = utvm("compile", too_large, "-b", BOARD, "--no-build", "--json")
    assert result.exit_code == 1
    error = only_json(result)["error"]
    assert error["type"] == "OutOfMemoryError"
    assert "short by" in error["message"] and "large_image" in error["message"]


def test_nobody_reads_the_output() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "utvm", "boards", "--json"], stdout=writer, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writer)
    assert done.returncode == 1
    assert done.stderr == b""


def test_no_arguments_show_the_help(utvm: Invoke) -> None:
    result = utvm()
    assert "Usage: " in result.stdout + result.stderr
    assert "error:" not in result.stderr


def test_an_ascii_terminal_is_no_error() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-m", "utvm", "boards"], capture_output=True, text=True, env=environment, check=True
    )
    assert "stm32f746-disco" in done.stdout
    assert json.loads(
        subprocess.run(
            [sys.executable, "-m", "utvm", "boards", "--json"], capture_output=True, env=environment, check=True
        ).stdout
    )["boards"]
