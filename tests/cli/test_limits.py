"""--max-ram and --max-flash of every command that compiles a model."""

from __future__ import annotations

import json
from pathlib import Path

import click.testing
import numpy as np
import pytest

from utvm.cli.app import cli
from utvm.demo import load_digits

MODEL = load_digits().model_path
BOARD = ("-b", "nucleo-g0b1re")
COMMANDS = ("compile", "run", "profile", "evaluate", "export", "flash", "tune")


def utvm(*arguments: object) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, [str(argument) for argument in arguments])


def needed(command: str, folder: Path) -> tuple[object, ...]:
    """What a command cannot do without."""
    data = folder / "data.npz"
    np.savez(data, inputs=load_digits().inputs[:1], labels=load_digits().labels[:1])
    return {
        "evaluate": ("--data", data),
        "export": ("-f", "c", "-o", folder / "library"),
        "tune": ("-s", folder / "records.jsonl"),
    }.get(command, ())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_does_not_fit(command: str, tmp_path: Path) -> None:
    done = utvm(command, MODEL, *BOARD, "--max-flash", 3000, *needed(command, tmp_path), "--json")
    if command == "tune":  # what can be tried is tried
        assert done.exit_code == 0
        return
    assert done.exit_code == 1
    error = json.loads(done.stdout)["error"]
    assert error["type"] == "OutOfMemoryError" and "--max-flash" in error["message"]
    done = utvm(command, MODEL, *BOARD, "--max-ram", 10, *needed(command, tmp_path), "--json")
    assert done.exit_code == 1
    assert "--max-ram" in json.loads(done.stdout)["error"]["message"]


def test_less_flash_is_taken_where_less_is_granted() -> None:
    def compiled(*options: object) -> dict[str, int]:
        done = utvm("compile", MODEL, *BOARD, "--no-run", "--json", *options)
        assert done.exit_code == 0, done.stderr
        sizes: dict[str, int] = json.loads(done.stdout)["flash_bytes"]
        return sizes

    free, portable = compiled()["total"], compiled("--kernels", "portable")["total"]
    limit = (free + portable) // 2
    assert portable < compiled("--max-flash", limit)["total"] <= limit < free


def test_a_saved_program_is_compiled_already(tmp_path: Path) -> None:
    assert utvm("compile", MODEL, *BOARD, "--no-build", "-o", tmp_path / "saved").exit_code == 0
    done = utvm("run", tmp_path / "saved", "--max-flash", 100_000)
    assert done.exit_code == 2 and "compiled already" in done.stderr
