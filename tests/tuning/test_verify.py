"""--verify-on: the best schedules measured again over another transport, and recorded as measured there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click.testing
import pytest

from tests.tuning.conftest import BOARD, records_of
from utvm.boards import load_board
from utvm.cli.app import cli
from utvm.compiler import load_model
from utvm.demo import load_digits
from utvm.transports import CycleCounting, VirtualBoardProcess
from utvm.transports.openocd_process import OpenOcdProcess, virtual_board_configuration
from utvm.tuning.apply import apply_records

MODEL = load_digits().model_path


def utvm(*arguments: object) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def gdb_place() -> Iterator[str]:
    """A board behind a GDB server, that counts otherwise than the search does."""
    process = VirtualBoardProcess(BOARD, counting=CycleCounting("one-cycle"))
    yield f"gdb://{process.host}:{process.gdb_port}"
    process.close()


@pytest.fixture
def openocd_place(tmp_path: Path) -> Iterator[str]:
    process = VirtualBoardProcess(BOARD, jtag=str(tmp_path / "jtag"))
    openocd = OpenOcdProcess(virtual_board_configuration(process.jtag_place, "stm32f7x"))
    yield f"openocd://{openocd.host}:{openocd.port}"
    openocd.close()
    process.close()


@pytest.mark.parametrize("place", ["gdb_place", pytest.param("openocd_place", marks=pytest.mark.openocd)])
def test_the_best_are_measured_again_and_count(place: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    way: str = request.getfixturevalue(place)
    file = tmp_path / "records.jsonl"
    options = ("-b", BOARD, "-s", file, "-n", 3, "--json")
    assert utvm("tune", MODEL, *options).exit_code == 0
    searched = len(records_of(file))
    done = utvm("tune", MODEL, *options, "--verify-on", way, "--verify-best", 2)
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["measured"] == 0, "the search was done"
    verified = document["verified"]
    assert verified["counting"].startswith(way)
    for operator in verified["operators"]:
        assert 1 <= len(operator["schedules"]) <= 3
        assert operator["best_cycles"] == min(item["cycles"] for item in operator["schedules"])
        assert operator["default_cycles"] is not None
        assert all(item["searched_cycles"] > 0 for item in operator["schedules"])
    there = [record for record in records_of(file)[searched:] if record.conditions.counting == verified["counting"]]
    assert (
        len(there) == len(records_of(file)) - searched == sum(len(item["schedules"]) for item in verified["operators"])
    )
    applied = apply_records(records_of(file), load_model(MODEL), load_board(BOARD))
    best = {operator["layer"]: operator["best"] for operator in verified["operators"]}
    assert {layer: json.loads(schedule.to_json()) for layer, schedule in applied.schedules.items()} == best
    assert utvm("run", MODEL, "-b", BOARD, "--schedules", file, "--check").exit_code == 0


def test_the_table_shows_both_and_who_won(gdb_place: str, tmp_path: Path) -> None:
    done = utvm(
        "tune", MODEL, "-b", BOARD, "-s", tmp_path / "f.jsonl", "-n", 2, "--verify-on", gdb_place, "--verify-best", 1
    )
    assert done.exit_code == 0, done.stderr
    table = done.stdout.partition("measured again")[2]
    assert gdb_place in table and "won there" in table and "the same" in table
    assert gdb_place in done.stderr


def test_a_way_that_leads_nowhere_is_said(tmp_path: Path) -> None:
    file = tmp_path / "f.jsonl"
    options = ("tune", MODEL, "-b", BOARD, "-s", file, "-n", 1)
    done = utvm(*options, "--verify-on", "gdb://127.0.0.1:1")
    assert done.exit_code == 0 and "transport" in done.stdout and "127.0.0.1:1" in done.stdout
    before = file.read_bytes()
    assert utvm(*options, "--verify-on", "nowhere").exit_code == 2
    assert file.read_bytes() == before, "nothing was begun"
