"""`utvm boards` and `utvm doctor`."""

from __future__ import annotations

from tests.cli.conftest import Invoke, only_json
from utvm.boards import board_names


def test_boards_lists_all(utvm: Invoke) -> None:
    result = utvm("boards")
    assert result.exit_code == 0
    row = next(line for line in result.stdout.splitlines() if "stm32f746-disco" in line)
    assert row.split() == [
        "stm32f746-disco", "STM32F746G", "Discovery", "cortex-m7", "216", "MHz", "1,024", "KiB", "336", "KiB",
    ]  # fmt: skip
    assert [board["name"] for board in only_json(utvm("boards", "--json"))["boards"]] == board_names()


def test_one_board(utvm: Invoke) -> None:
    text = utvm("boards", "stm32f746-disco").stdout
    row = next(line for line in text.splitlines() if line.strip().startswith("dtcm"))
    assert "0x20000000" in row and "64 KiB" in row and "stack of 2,048 bytes" in row and "choice 1" in row
    assert "-mcpu=cortex-m7" in text
    (board,) = only_json(utvm("boards", "stm32f746-disco", "--json"))["boards"]
    assert board["clock_hz"] == 216_000_000
    assert {key: board["regions"][0][key] for key in ("name", "base_addr", "size_bytes")} == {
        "name": "itcm",
        "base_addr": 0,
        "size_bytes": 16384,
    }


def test_doctor_finds_this_installation_well(utvm: Invoke) -> None:
    result = utvm("doctor", "--json")
    assert result.exit_code == 0, result.stderr
    document = only_json(result)
    assert document["works"] is True and document["problems"] == []
    pinned = {package["name"]: package for package in document["packages"]}
    assert pinned["apache-tvm-ffi"]["fits"] and pinned["apache-tvm-ffi"]["why"]
    assert {"arm-none-eabi-gcc", "gdb-multiarch", "openocd", "qemu-system-arm", "qemu-system-riscv32"} <= {
        tool["name"] for tool in document["tools"]
    }
    assert "utvm demo" in utvm("doctor").stdout
