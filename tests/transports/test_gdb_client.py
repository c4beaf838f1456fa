"""The GDB client against servers with other manners than our own."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from tests.transports.fake_server import RAM_ADDR, FakeServer
from utvm.errors import TransportError, TransportTimeout
from utvm.transports import GdbTransport, StopKind
from utvm.transports.target_description import parse_memory_map, parse_registers

Serve = Callable[..., FakeServer]
_CORE = (("r0", ""), ("r1", ""), ("cpsr", ' regnum="25"'))


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[FakeServer] = []

    def start(**manners: object) -> FakeServer:
        servers.append(FakeServer(**manners))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def connect(server: FakeServer, timeout_s: float = 2.0) -> GdbTransport:
    return GdbTransport("127.0.0.1", server.port, timeout_s=timeout_s)


@pytest.mark.parametrize("packet_bytes", [0x50, 0x190, 0x1000])
def test_small_packets_acknowledgements_and_hexadecimal_writes(serve: Serve, packet_bytes: int) -> None:
    server = serve(packet_bytes=packet_bytes)
    data = random.Random(packet_bytes).randbytes(5000)
    with connect(server) as board:
        board.write(RAM_ADDR + 7, data)
        assert board.read(RAM_ADDR + 7, 5000) == data
    assert max(map(len, server.packets)) <= packet_bytes
    assert not [packet for packet in server.packets if packet[:1] == b"X" and len(packet) > 5]
    assert server.acknowledgements > 5


def test_registers_without_a_description_and_without_single_access(serve: Serve) -> None:
    server = serve()
    with connect(server) as board:
        board.write_register("r5", 0x1234_5678)
        assert server.registers[5] == 0x1234_5678
        assert board.registers()["r5"] == 0x1234_5678
        stop = board.execute(RAM_ADDR, 2.0, stop_addr=RAM_ADDR + 0x100, stack_addr=RAM_ADDR + 0x200, arguments=(1, 2))
    assert (stop.kind, stop.pc) == (StopKind.BREAKPOINT, RAM_ADDR + 0x100)
    assert server.registers[:2] == [1, 2]


def test_a_silent_server_times_out_and_reset_connects_anew(serve: Serve) -> None:
    quiet = [True]
    server = serve(override=lambda payload: b"!silence" if payload.startswith(b"m2000") and quiet[0] else None)
    with connect(server, timeout_s=0.2) as board:
        start = time.monotonic()
        with pytest.raises(TransportTimeout, match="reset"):
            board.read(RAM_ADDR, 4)
        assert time.monotonic() - start < 1
        with pytest.raises(TransportError, match="out of step"):
            board.read(RAM_ADDR, 4)
        quiet[0] = False
        board.reset()
        assert board.read(RAM_ADDR, 4) == bytes(4)


def test_a_core_that_does_not_stop_is_interrupted(serve: Serve) -> None:
    server = serve(override=lambda payload: b"!silence" if payload == b"c" else None)
    with connect(server) as board:
        with pytest.raises(TransportTimeout, match="still ran"):
            board.execute(RAM_ADDR, 0.1)
        board.reset()
        assert board.read(RAM_ADDR, 1) == b"\0"


@pytest.mark.parametrize(
    "answer",
    [b"!raw$0000#00" * 4, b"zz", b"0" * 4000, b"E01", b"", b"OK", b"!close", b"!raw$" + b"7" * 300 + b"#"],
)
def test_a_wrong_answer_to_a_read_is_an_error(serve: Serve, answer: bytes) -> None:
    server = serve(override=lambda payload: answer if payload.startswith(b"m2000") else None)
    with connect(server, timeout_s=0.3) as board, pytest.raises(TransportError):
        board.read(RAM_ADDR, 64)


@pytest.mark.parametrize("answer", [b"hello", b"Tzz", b"T05zz:1;", b"T", b"!close"])
def test_a_wrong_stop_is_an_error(serve: Serve, answer: bytes) -> None:
    server = serve(override=lambda payload: answer if payload == b"c" else None)
    with connect(server, timeout_s=0.3) as board:
        if answer == b"T05zz:1;":
            assert board.execute(RAM_ADDR, 0.3).kind is StopKind.BREAKPOINT  # unknown words of a stop are passed over
        else:
            with pytest.raises(TransportError):
                board.execute(RAM_ADDR, 0.3)


def test_a_damaged_packet_is_asked_for_again(serve: Serve) -> None:
    answers = [b"!raw$aabbccdd#00$aabbccdd#88"]
    server = serve(override=lambda payload: answers.pop() if answers and payload.startswith(b"m2000") else None)
    good = b"aabbccdd"
    answers[0] = b"!raw$aabbccdd#00$%b#%02x" % (good, sum(good) & 0xFF)
    with connect(server) as board:
        assert board.read(RAM_ADDR, 4) == bytes.fromhex("aabbccdd")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(TransportError, match=f"127.0.0.1:{port}.*start it"):
        GdbTransport("127.0.0.1", port)


def test_descriptions_may_include_others_and_leave_numbers_out() -> None:
    main = (
        '<target xmlns:xi="http://www.w3.org/2001/XInclude"><architecture>arm</architecture>'
        '<xi:include href="core.xml"/><xi:include href="fpu.xml"/></target>'
    )
    core = "".join(f'<reg name="{name}" bitsize="32"{number}/>' for name, number in _CORE)
    annexes = {
        "core.xml": f'<feature name="org.gnu.gdb.arm.m-profile">{core}</feature>',
        "fpu.xml": '<feature name="org.gnu.gdb.arm.vfp"><reg name="d0" bitsize="64"/></feature>',
    }
    registers = parse_registers(main, annexes.__getitem__)
    assert [(item.number, item.name, item.size_bytes) for item in registers] == [
        (0, "r0", 4), (1, "r1", 4), (25, "xpsr", 4), (26, "d0", 8)
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "<target>", "<target/>", '<!DOCTYPE t [<!ENTITY a "b">]><target>&a;</target>'])
def test_unusable_descriptions_are_named(text: str) -> None:
    with pytest.raises(TransportError, match="description"):
        parse_registers(text, lambda annex: annex)


def test_memory_maps_give_flash_and_its_blocks() -> None:
    text = (
        '<memory-map><memory type="ram" start="0" length="0x10"/><memory type="flash" start="0x8000000" '
        'length="0x1000"><property name="blocksize">0x400</property></memory></memory-map>'
    )
    (flash,) = parse_memory_map(text)
    assert (flash.addr, flash.size_bytes, flash.block_bytes) == (0x800_0000, 0x1000, 0x400)
