"""Memory in OpenOCD's forms, fault frames, and the command line: no OpenOCD needed."""

from __future__ import annotations

import random
import struct

import pytest

from utvm.errors import ToolchainError
from utvm.transports.openocd_frame import registers_before_fault
from utvm.transports.openocd_memory import CHUNK_BYTES, intel_hex, spans, tcl_values, values_of, whole_flash_units
from utvm.transports.openocd_process import find_openocd, openocd_command, virtual_board_configuration


@pytest.mark.parametrize("addr", range(0x1000, 0x1005))
@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, CHUNK_BYTES, 3 * CHUNK_BYTES + 5])
def test_spans_cover_a_range_once_with_aligned_accesses(addr: int, size: int) -> None:
    end = addr
    for start, length, width in spans(addr, size):
        assert start == end
        assert start % width == length % width == 0
        assert 0 < length <= CHUNK_BYTES
        assert width == 4 or length < 4
        end += length
    assert end == addr + size


@pytest.mark.parametrize("width", [1, 2, 4])
def test_values_survive_the_way_to_text_and_back(width: int) -> None:
    data = random.Random(width).randbytes(64)
    assert values_of(tcl_values(data, width), width, 64 // width, "peer") == data


def parse_hex(text: str) -> dict[int, int]:
    """Bytes by address, by the rules of Intel HEX."""
    memory: dict[int, int] = {}
    base = 0
    for line in text.splitlines():
        record = bytes.fromhex(line[1:])
        assert line[0] == ":"
        assert sum(record) & 0xFF == 0
        size, addr, kind, data = record[0], record[1] << 8 | record[2], record[3], record[4:-1]
        assert size == len(data)
        if kind == 4:
            base = int.from_bytes(data, "big") << 16
        elif kind == 0:
            memory |= {base + addr + index: byte for index, byte in enumerate(data)}
    assert text.endswith(":00000001FF\n")
    return memory


def test_intel_hex_holds_every_segment_also_across_64_kilobytes() -> None:
    segments = [(0x0801_FFF1, bytes(range(100))), (0x0800_0000, b"start"), (0x0800_0005, b"next")]
    expected = {addr + index: byte for addr, data in segments for index, byte in enumerate(data)}
    assert parse_hex(intel_hex(segments)) == expected


def test_flash_units_are_filled_with_erased_bytes_and_joined() -> None:
    segments = [(0x0800_0043, b"odd"), (0x0800_0041, b"x"), (0x0800_0060, b"next"), (0x0801_0000, bytes(33))]
    assert whole_flash_units(segments) == [
        (0x0800_0040, b"\xffx\xffodd".ljust(32, b"\xff") + b"next".ljust(32, b"\xff")),
        (0x0801_0000, bytes(33).ljust(64, b"\xff")),
    ]


def frame(*words: int) -> bytes:
    return struct.pack("<8I", *words)


def test_the_frame_of_a_fault_tells_what_ran_before() -> None:
    stacked = frame(10, 11, 12, 13, 22, 0x801, 0x2000_0124, 0x0100_0000)
    memory = {0x2000_0F00: stacked}
    registers = {"sp": 0x2000_0F00, "lr": 0xFFFF_FFF9, "pc": 0x0800_0200, "xpsr": 0x0100_0005}
    before = registers_before_fault(registers, lambda addr, size: memory[addr][:size])
    assert before == {
        "r0": 10, "r1": 11, "r2": 12, "r3": 13, "r12": 22,
        "lr": 0x801, "pc": 0x2000_0124, "xpsr": 0x0100_0000, "sp": 0x2000_0F20,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("exc_return", "xpsr", "sp"),
    [(0xFFFF_FFFD, 0x0100_0000, 0x3020), (0xFFFF_FFED, 0x0100_0000, 0x3068), (0xFFFF_FFED, 0x0100_0200, 0x306C)],
    ids=["process stack", "with floating point", "with padding"],
)
def test_the_stack_pointer_before_a_fault(exc_return: int, xpsr: int, sp: int) -> None:
    registers = {"sp": 0x2000, "psp": 0x3000, "lr": exc_return, "xpsr": 3}
    before = registers_before_fault(registers, lambda addr, _: frame(0, 0, 0, 0, 0, 0, addr, xpsr))
    assert (before["pc"], before["sp"]) == (0x3000, sp)


@pytest.mark.parametrize(("lr", "xpsr"), [(0xFFFF_FFF9, 0x0100_0000), (0x801, 3), (0xFFFF_FFF9, 15)])
def test_no_fault_handler_no_frame(lr: int, xpsr: int) -> None:
    def read(addr: int, size: int) -> bytes:
        raise LookupError((addr, size))

    assert registers_before_fault({"sp": 0, "lr": lr, "xpsr": xpsr}, read) == {}


def test_the_command_line_serves_only_the_tcl_port() -> None:
    command = openocd_command("/bin/openocd", virtual_board_configuration("127.0.0.1:9824"), 6666)
    assert command[0] == "/bin/openocd"
    assert command[1::2] == ["-c"] * (len(command) // 2)
    assert command[2::2] == [
        "tcl_port 6666",
        "telnet_port pipe",
        "gdb_port disabled",
        "adapter driver remote_bitbang",
        "remote_bitbang host 127.0.0.1",
        "remote_bitbang port 9824",
        "source [find target/stm32f7x.cfg]",
        "stm32f7x.cpu configure -event reset-start {}",
    ]


def test_a_unix_socket_is_a_host_without_a_port() -> None:
    assert "remote_bitbang host {/run/a:b/jtag}" in virtual_board_configuration("/run/a:b/jtag")


def test_a_missing_openocd_says_how_to_get_it() -> None:
    with pytest.raises(ToolchainError, match="apt install openocd"):
        find_openocd("no-such-openocd")
