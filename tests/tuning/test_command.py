"""`utvm tune`, and `--schedules` of the commands that compile."""

from __future__ import annotations

import json
from pathlib import Path

import click.testing
import pytest

from tests.tuning.conftest import BOARD, records_of
from utvm.cli.app import cli
from utvm.demo import load_digits

MODEL = load_digits().model_path


def utvm(*arguments: object) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of the digits' model, two schedules per operator."""
    path = tmp_path_factory.mktemp("tuned") / "digits.jsonl"
    done = utvm("tune", MODEL, "-b", BOARD, "-s", path, "-n", 2)
    assert done.exit_code == 0, done.stderr
    assert "a second" in done.stdout and "--schedules" in done.stdout
    assert "best" in done.stderr and "tried" in done.stderr
    return path


def test_records_are_applied_and_the_answer_is_right(file: Path) -> None:
    done = utvm("run", MODEL, "-b", BOARD, "--schedules", file, "--check", "--json")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["mismatches"] == 0
    best: dict[str, tuple[int, str]] = {}
    for record in records_of(file):
        if record.cycles is not None:
            best[record.layer] = min(best.get(record.layer, (1 << 60, "")), (record.cycles, str(record.schedule)))
    used = {layer["name"]: layer["schedule"] for layer in document["layers"]}
    assert {name: used[name] for name in best} == {name: schedule for name, (_, schedule) in best.items()}


def test_tune_prints_one_object_as_json(file: Path) -> None:
    done = utvm("tune", MODEL, "-b", BOARD, "-s", file, "-n", 2, "--json")
    document = json.loads(done.stdout)
    assert document["measured"] == 0 and document["board"] == BOARD
    text = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
    for key in (*document, *document["operators"][0]):
        assert f"`{key}`" in text


def test_what_is_not_used_is_said(file: Path, tmp_path: Path) -> None:
    old = json.loads(file.read_text().splitlines()[0])
    mixed = tmp_path / "mixed.jsonl"
    mixed.write_text(json.dumps({**old, "utvm": "0.0.1"}) + "\nnot a record\n")
    done = utvm("compile", MODEL, "-b", BOARD, "--no-build", "--schedules", mixed)
    assert done.exit_code == 0
    assert "another version" in done.stderr and "line 2" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["tune", MODEL, "-s", "x.jsonl"], "--board"),
        (["tune", MODEL, "-b", BOARD], "--schedules"),
        (["tune", MODEL, "-b", BOARD, "-s", "none/x.jsonl"], "cannot write"),
        (["tune", MODEL, "-b", BOARD, "-s", "x.jsonl", "--via", "gdb://localhost:1", "-j", "2"], "one board"),
        (["compile", MODEL, "-b", BOARD, "--kernels", "portable", "--schedules", MODEL], "fast kernels"),
        (["run", MODEL, "-b", BOARD, "--schedules", "none.jsonl"], "none.jsonl"),
    ],
)
def test_wrong_usage(arguments: list[object], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = utvm(*arguments)
    assert done.exit_code == 2 and said in done.stderr
    assert list(tmp_path.iterdir()) == []
