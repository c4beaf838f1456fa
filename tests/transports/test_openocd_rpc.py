"""The client of the Tcl port against servers that misbehave: no OpenOCD needed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from utvm.errors import TransportError, TransportTimeout
from utvm.transports import StopKind
from utvm.transports.openocd import OpenOcdTransport
from utvm.transports.openocd_errors import describe_failure
from utvm.transports.openocd_rpc import OpenOcdRpc, TclResult

VERSION = b"Open On-Chip Debugger 0.12.0\x1a"


@contextmanager
def server(*replies: bytes | None) -> Iterator[int]:
    """A server that gives one reply per request; None closes the connection. After the last it stays silent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                for reply in replies:
                    while not connection.recv(1 << 16).endswith(b"\x1a"):
                        continue
                    if reply is None:
                        return
                    connection.sendall(reply)
                while connection.recv(1 << 16):
                    continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]


def rpc(port: int, timeout_s: float = 0.3) -> OpenOcdRpc:
    return OpenOcdRpc("127.0.0.1", port, timeout_s)


def test_a_result_has_its_code_and_text() -> None:
    with server(VERSION, b"0 0x1 0x2\x1a", b"-107 lines\nof text\x1a", b"0 \x1a") as port:
        client = rpc(port)
        assert client.run("a", 1.0) == TclResult(0, "0x1 0x2")
        failed = client.run("b", 1.0)
        assert (failed.code, failed.text, failed.is_error) == (-107, "lines\nof text", True)
        assert client.run("c", 1.0) == TclResult(0, "")
        client.close()


def test_a_reply_may_come_in_pieces() -> None:
    with server(VERSION, b"0 " + b"x" * 300_000 + b"\x1a") as port:
        client = rpc(port, 2.0)
        assert client.run("a", 2.0).text == "x" * 300_000
        client.close()


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TransportError, match=rf"no OpenOCD answers at 127.0.0.1:{port}.*tcl_port"):
        rpc(port)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"\xff\xfb\x01Open On-Chip Debugger\r\n> ", "only .*without its end.*tcl_port"),
        (b"", "nothing within 0.3 s"),
    ],
    ids=["the telnet port", "silence"],
)
def test_a_server_that_never_ends_its_reply_is_a_timeout(reply: bytes, message: str) -> None:
    with server(reply) as port, pytest.raises(TransportTimeout, match=message):
        rpc(port)


@pytest.mark.parametrize(
    ("replies", "message"),
    [
        ((b"SSH-2.0\x1a",), "not OpenOCD; use the port of its `tcl_port`"),
        ((None,), "closed the connection|is gone"),
        ((VERSION + b"more\x1a",), "nobody asked for"),
    ],
    ids=["another program", "closed", "more than one reply"],
)
def test_something_else_answers(replies: tuple[bytes | None, ...], message: str) -> None:
    with server(*replies) as port, pytest.raises(TransportError, match=message):
        rpc(port)


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (b"garbage\x1a", TransportError, "answered 'garbage'"),
        (b"0 a\x1a0 b\x1a", TransportError, "nobody asked for"),
        (None, TransportError, "restart OpenOCD"),
        (b"0 half", TransportTimeout, "without its end"),
    ],
)
def test_after_a_broken_reply_the_connection_is_not_used_again(
    reply: bytes | None, error: type[TransportError], message: str
) -> None:
    with server(VERSION, reply) as port:
        client = rpc(port)
        with pytest.raises(error, match=message):
            client.run("a", 0.3)
        assert not client.is_usable
        with pytest.raises(TransportError, match="out of step; reset"):
            client.run("a", 0.3)
        client.close()


def test_a_target_that_is_no_cortex_m_is_refused() -> None:
    registers = b"0 ===== RISC-V registers\n(0) zero (/64)\n(1) ra (/64)\n\x1a"
    with (
        server(VERSION, b"0 \x1a", b"0 \x1a", b"0 \x1a", registers) as port,
        pytest.raises(TransportError, match=r"no Cortex-M target.*zero, ra"),
    ):
        OpenOcdTransport("127.0.0.1", port, timeout_s=0.5)


def prepared(*replies: bytes) -> tuple[bytes, ...]:
    """What a server answers to a transport that connects, and then `replies`."""
    registers = b"(0) r0 (/32)\n(13) sp (/32)\n(14) lr (/32)\n(15) pc (/32)\n(16) xPSR (/32)\n(18) psp (/32)\n"
    return (VERSION, b"0 \x1a", b"0 \x1a", b"0 \x1a", b"0 " + registers + b"\x1a", b"0 \x1a", *replies)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (b"0 0x1 0x2\x1a", "instead of 1 numbers of 32 bits"),
        (b"0 one\x1a", "answered 'one'"),
        (b"0 0x100000000\x1a", "answered '0x100000000'"),
        (b"1 read_memory: failed to read memory\x1a", r"reading 4 bytes at 0x20000000 failed.*is there memory"),
    ],
)
def test_memory_replies_that_make_no_sense(reply: bytes, message: str) -> None:
    with server(*prepared(reply)) as port, OpenOcdTransport("127.0.0.1", port, timeout_s=0.5) as board:
        assert not board.capabilities.flash
        with pytest.raises(TransportError, match=message):
            board.read(0x2000_0000, 4)


def test_a_fault_of_a_core_without_status_registers_is_known_by_its_handler() -> None:
    replies = [
        b"0 \x1a",  # set_reg
        b"0 \x1a",  # clearing the fault status
        b"0 \x1a",  # resume
        b"0 \x1a",  # wait_halt
        b"0 pc 0x08000200 sp 0x20000f00 lr 0xfffffff9 xPSR 0x01000003 psp 0x0\x1a",
        b"0 0x0 0x0 0x0 0x0 0x0\x1a",
        b"0 0x1 0x2 0x3 0x4 0xc 0x801 0x20000124 0x1000000\x1a",
    ]
    with server(*prepared(*replies)) as port, OpenOcdTransport("127.0.0.1", port, timeout_s=0.5) as board:
        stop = board.execute(0x2000_0101, 1.0)
    assert (stop.kind, stop.pc) == (StopKind.FAULT, 0x2000_0124)
    assert (stop.registers["sp"], stop.registers["r3"]) == (0x2000_0F20, 4)


def test_register_replies_that_make_no_sense() -> None:
    with (
        server(*prepared(b"0 r0 what\x1a")) as port,
        OpenOcdTransport("127.0.0.1", port, timeout_s=0.5) as board,
        pytest.raises(TransportError, match="gave the registers as 'r0 what'"),
    ):
        board.registers()


@pytest.mark.parametrize(
    ("code", "text", "remedy"),
    [
        (-107, "JTAG-DP STICKY ERROR\nFailed to read memory at 0x60000000\n", "is there memory on the board"),
        (-304, "target stm32f7x.cpu is not halted (add breakpoint)", "reset the transport, which halts the core"),
        (-4, "", "it took too long"),
        (-4, "couldn't open /x", "must run on this machine"),
        (1, 'invalid command name "write_memory"', "OpenOCD 0.12"),
        (-300, "Cannot set breakpoint: resource not available", "clear a breakpoint"),
        (-1, "something new", "OpenOCD's own messages"),
    ],
)
def test_replies_are_explained(code: int, text: str, remedy: str) -> None:
    message = str(describe_failure("the attempt", TclResult(code, text)))
    assert message.startswith("the attempt failed: OpenOCD says")
    assert f"(code {code})" in message
    assert remedy in message
