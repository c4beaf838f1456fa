"""The real pyOCD, with a probe plugin of ours, on the virtual board's JTAG door."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.transports.conformance import TransportConformance
from tests.transports.pyocd_probe import PYOCD_TARGET, connect_probe
from utvm.errors import ToolchainError, TransportError
from utvm.transports import Transport, VirtualBoardProcess
from utvm.transports.pyocd import PyOcdTransport
from utvm.transports.pyocd_process import PyOcdProcess, find_pyocd

DTCM, FLASH = 0x2000_0000, 0x0800_0000


@pytest.fixture(autouse=True)
def virtual_board(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[VirtualBoardProcess]:
    """A virtual board, and a pyOCD that finds it as its only probe."""
    process = VirtualBoardProcess("stm32f746-disco", jtag="0")
    connect_probe(monkeypatch, process.jtag_place, tmp_path)
    yield process
    process.close()


class TestPyOcd(TransportConformance):
    ram_addr: ClassVar[int] = DTCM
    unmapped_addr: ClassVar[int] = 0x6000_0000

    def open(self) -> Transport:
        return PyOcdTransport(target=PYOCD_TARGET)

    def break_connection(self, transport: Transport) -> None:
        assert isinstance(transport, PyOcdTransport)
        os.kill(transport.pyocd.pid, signal.SIGKILL)


def test_flash_is_programmed_by_pyocd(virtual_board: VirtualBoardProcess) -> None:
    del virtual_board
    data = random.Random(1).randbytes(5000)
    with PyOcdTransport("virtual", PYOCD_TARGET) as board:
        assert board.capabilities.flash
        board.load_image([(FLASH, data), (DTCM + 0x4000, b"in RAM")])
        assert board.read(FLASH, len(data)) == data
        assert board.read(DTCM + 0x4000, 6) == b"in RAM"


def test_the_only_probe_and_the_project_file_serve_where_nothing_is_named() -> None:
    Path("pyocd.yaml").write_text(f"target_override: {PYOCD_TARGET}\n", encoding="utf-8")
    with PyOcdTransport() as board:
        assert board.capabilities.flash


@pytest.mark.parametrize(
    ("probe", "target", "words"), [("nothing-like-it", PYOCD_TARGET, "pyocd list"), (None, "pdp11", "pdp11")]
)
def test_what_pyocd_cannot_find_is_said_in_its_words(probe: str | None, target: str, words: str) -> None:
    with pytest.raises(TransportError, match="pyOCD did not start") as caught:
        PyOcdProcess(probe, target)
    assert words in str(caught.value)
    assert "pack install" in str(caught.value)


def test_without_pyocd_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolchainError, match=r"pip install 'utvm\[pyocd\]'"):
        find_pyocd()
