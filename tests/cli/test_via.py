"""`utvm run` over every way to a board, standalone and hosted, with the reference's bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke, only_json
from utvm.demo import load_digits
from utvm.transports import VirtualBoardProcess
from utvm.transports.openocd_process import OpenOcdProcess, virtual_board_configuration

DIGITS = load_digits().model_path
F746 = "stm32f746-disco"


def run(utvm: Invoke, *arguments: str) -> dict[str, Any]:
    result = utvm("run", DIGITS, *arguments, "--check", "--json")
    assert result.exit_code == 0, result.stderr
    document = only_json(result)
    assert document["mismatches"] == 0
    return document


@pytest.mark.parametrize(
    "arguments",
    [
        ("-b", F746, "--mode", "hosted"),
        ("-b", F746, "--via", "virtual", "--mode", "hosted", "--memory", "board"),
        ("-b", "host"),
        ("-b", "host", "--mode", "standalone"),
        pytest.param(("-b", "qemu-mps2-an500"), marks=pytest.mark.qemu),
        pytest.param(("-b", "qemu-riscv32-virt", "--mode", "hosted"), marks=pytest.mark.qemu),
    ],
    ids=" ".join,
)
def test_each_way_gives_the_references_bytes(utvm: Invoke, arguments: tuple[str, ...]) -> None:
    document = run(utvm, *arguments)
    assert document["cycles"] > 0
    assert sum(layer["cycles"] for layer in document["layers"]) <= document["cycles"]


def test_through_a_gdb_server(utvm: Invoke) -> None:
    board = VirtualBoardProcess(F746)
    try:
        way = f"gdb://127.0.0.1:{board.gdb_port}"
        assert run(utvm, "-b", F746, "--via", way)["via"] == way
    finally:
        board.close()


@pytest.mark.parametrize("arguments", [("-b", "host"), ("-b", F746, "--mode", "hosted")], ids=" ".join)
def test_profiles_of_hosted_runs(utvm: Invoke, arguments: tuple[str, ...]) -> None:
    document = only_json(utvm("profile", DIGITS, *arguments, "--json"))
    assert document["layers"] and all(layer["cycles"] > 0 for layer in document["layers"])
    hot = utvm("profile", DIGITS, *arguments, "--hot")
    assert hot.exit_code == 2 and "basic blocks" in hot.stderr


@pytest.mark.openocd
def test_through_openocd(utvm: Invoke, tmp_path: Path) -> None:
    board = VirtualBoardProcess(F746, jtag=str(tmp_path / "jtag"))
    try:
        openocd = OpenOcdProcess(virtual_board_configuration(board.jtag_place))
        try:
            run(utvm, "-b", F746, "--via", f"openocd://127.0.0.1:{openocd.port}")
        finally:
            openocd.close()
    finally:
        board.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-b", F746, "--via", "carrier-pigeon"), "no way to a board"),
        (("-b", F746, "--via", "gdb://nowhere"), "no way to a board"),
        (("-b", "host", "--timing", "cortex-m7"), "only virtual boards"),
    ],
)
def test_wrong_ways_are_named(utvm: Invoke, arguments: tuple[str, ...], message: str) -> None:
    result = utvm("run", DIGITS, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_server_that_is_not_there(utvm: Invoke) -> None:
    result = utvm("run", DIGITS, "-b", F746, "--via", "gdb://127.0.0.1:9", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["type"] == "TransportError"
