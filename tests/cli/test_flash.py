"""`utvm flash` on a virtual board, by its own server and by real OpenOCD and its flash algorithm."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Invoke, only_json
from tests.export.programs import digits, request_of
from tests.transports.pyocd_probe import PYOCD_TARGET, connect_probe
from utvm.demo import load_digits
from utvm.errors import TransportError
from utvm.export.firmware import build_firmware, program_board
from utvm.toolchain import find_compiler
from utvm.transports import VirtualBoardTransport
from utvm.transports.openocd_process import OpenOcdProcess, virtual_board_configuration
from utvm.transports.virtual import VirtualBoardProcess

BOARD = "stm32f746-disco"


def test_the_answer_of_the_firmware(utvm: Invoke, tmp_path: Path) -> None:
    data = load_digits()
    np.save(tmp_path / "image.npy", data.inputs[5])
    result = utvm("flash", data.model_path, "-b", BOARD, "-i", tmp_path / "image.npy", "--json")
    assert result.exit_code == 0, result.stderr
    document = only_json(result)
    assert document["outputs"][0]["quantized"] == data.answers[5].tolist()
    assert (document["status"], document["mismatches"]) == (0, 0)
    assert document["cycles"] > 0 and document["written_bytes"] > 8000


def test_the_text(utvm: Invoke) -> None:
    result = utvm("flash", load_digits().model_path, "-b", BOARD)
    assert result.exit_code == 0, result.stderr
    assert "bytes written and verified" in result.stdout and "status 0, 0 mismatches" in result.stdout


@pytest.mark.openocd
def test_by_openocd_and_its_flash_algorithm(utvm: Invoke, tmp_path: Path) -> None:
    board = VirtualBoardProcess(BOARD, jtag=str(tmp_path / "jtag"))
    try:
        openocd = OpenOcdProcess(virtual_board_configuration(board.jtag_place))
        try:
            way = f"openocd://{openocd.host}:{openocd.port}"
            result = utvm("flash", load_digits().model_path, "-b", BOARD, "--via", way, "--json")
        finally:
            openocd.close()
    finally:
        board.close()
    assert result.exit_code == 0, result.stderr
    assert only_json(result)["mismatches"] == 0


def test_by_pyocd_and_its_flash_algorithm(utvm: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    description = (resources.files("utvm.boards") / "data" / f"{BOARD}.toml").read_text(encoding="utf-8")
    assert "stm32f746nghx" in description
    mine = tmp_path / "mine.toml"
    mine.write_text(description.replace("stm32f746nghx", PYOCD_TARGET), encoding="utf-8")
    board = VirtualBoardProcess(BOARD, jtag="0")
    try:
        connect_probe(monkeypatch, board.jtag_place, tmp_path)
        result = utvm("flash", load_digits().model_path, "-b", mine, "--via", "pyocd", "--json")
    finally:
        board.close()
    assert result.exit_code == 0, result.stderr
    assert only_json(result)["mismatches"] == 0


class Forgetful(VirtualBoardTransport):
    """A board whose flash loses a bit."""

    def _read(self, addr: int, size_bytes: int) -> bytes:
        held = bytearray(super()._read(addr, size_bytes))
        if addr <= 0x0800_0010 < addr + size_bytes:
            held[0x0800_0010 - addr] ^= 1
        return bytes(held)


def test_what_was_not_written_is_noticed(tmp_path: Path) -> None:
    request = request_of(digits(), BOARD, "digits")
    elf = build_firmware(request, find_compiler(request.board), tmp_path)
    with Forgetful(BOARD) as board, pytest.raises(TransportError, match="0x08000010 holds"):
        program_board(elf, board)
