"""The JTAG door as a program serves it: clients that come, go, talk nonsense or share the core with gdb."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.virtual_board.jtag_client import DHCSR, KEY, S_HALT, JtagClient
from utvm.errors import TransportError
from utvm.transports import GdbTransport, VirtualBoardProcess

IDCODE = 0x5BA0_0477
DTCM = 0x2000_0000


@pytest.fixture
def board() -> Iterator[VirtualBoardProcess]:
    process = VirtualBoardProcess("stm32f746-disco", jtag=0)
    yield process
    process.close()


def connect(place: str) -> tuple[socket.socket, JtagClient]:
    if "/" in place:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(place)
    else:
        host, _, port = place.rpartition(":")
        connection = socket.create_connection((host, int(port)))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(5.0)

    def exchange(characters: bytes) -> bytes:
        connection.sendall(characters)
        wanted, replies = characters.count(b"R"), b""
        while len(replies) < wanted:
            data = connection.recv(wanted - len(replies))
            if not data:
                raise ConnectionResetError
            replies += data
        return replies

    return connection, JtagClient(exchange)


def idcode(place: str) -> int:
    connection, client = connect(place)
    with connection:
        client.reset()
        return client.scan_dr(0, 32)


def until_free(place: str) -> int:
    """The idcode, as soon as the client before has been noticed to be gone."""
    for _ in range(100):
        try:
            return idcode(place)
        except ConnectionError:
            time.sleep(0.02)
    return idcode(place)


def test_a_port_serves_one_client_after_another(board: VirtualBoardProcess) -> None:
    assert idcode(board.jtag_place) == IDCODE
    assert until_free(board.jtag_place) == IDCODE


def test_a_unix_socket_serves_and_is_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "jtag"
    process = VirtualBoardProcess("stm32f746-disco", jtag=str(path))
    try:
        assert process.jtag_place == str(path)
        assert idcode(str(path)) == IDCODE
    finally:
        process.close()
    assert not path.exists()


def test_many_scans_in_one_message_are_answered_in_order(board: VirtualBoardProcess) -> None:
    connection, client = connect(board.jtag_place)
    with connection:
        client.reset()
        client.go(1, 0, 0)
        replies = client.exchange(b"0R4" * 20_000)
        bits = [(0x0644_9041 << 32 | IDCODE) >> index & 1 for index in range(64)]
        assert [byte - 0x30 for byte in replies[:64]] == bits
        assert set(replies[64:]) == set(b"0")


def test_a_second_client_is_refused(board: VirtualBoardProcess) -> None:
    connection, client = connect(board.jtag_place)
    with connection:
        client.reset()
        client.scan_dr(0, 32)
        with pytest.raises(ConnectionError):
            idcode(board.jtag_place)
        client.reset()
        assert client.scan_dr(0, 32) == IDCODE, "the first client does not notice"
    assert "another debugger" in board.messages()


def test_a_client_that_speaks_something_else_is_closed_and_the_board_lives(board: VirtualBoardProcess) -> None:
    connection, _ = connect(board.jtag_place)
    with connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert _is_closed(connection)
    assert until_free(board.jtag_place) == IDCODE
    assert "remote_bitbang" in board.messages()


def test_quit_ends_the_conversation(board: VirtualBoardProcess) -> None:
    connection, _ = connect(board.jtag_place)
    with connection:
        connection.sendall(b"Q")
        assert _is_closed(connection)
    assert until_free(board.jtag_place) == IDCODE


def test_gdb_and_jtag_take_turns(board: VirtualBoardProcess) -> None:
    with GdbTransport(board.host, board.gdb_port) as gdb:
        with pytest.raises(ConnectionError):
            idcode(board.jtag_place)
        gdb.write(DTCM, b"kept")
    assert until_free(board.jtag_place) == IDCODE
    connection, client = connect(board.jtag_place)
    with connection:
        client.reset()
        client.scan_dr(0, 32)
        with pytest.raises(TransportError):
            GdbTransport(board.host, board.gdb_port)


def test_a_core_that_jtag_left_running_is_halted_for_gdb(board: VirtualBoardProcess) -> None:
    connection, client = connect(board.jtag_place)
    with connection:
        client.reset()
        client.write_dp(0x4, 0x5000_0000)
        client.write_word(DTCM, 0xE7FD_3001)
        client.write_register(15, DTCM)
        client.write_register(16, 1 << 24)
        client.write_word(0xE000_2008, 0xFFFF_FFF1)
        client.write_word(0xE000_EDF0, 0xA05F_0001)
        assert not client.read_word(0xE000_EDF0) & 1 << 17
    for _ in range(100):
        try:
            gdb = GdbTransport(board.host, board.gdb_port)
            break
        except TransportError:
            time.sleep(0.02)
    with gdb:
        assert gdb.registers()["pc"] in (DTCM, DTCM + 2)
        assert gdb.registers()["r0"] > 0


def test_a_core_runs_on_between_two_clients(board: VirtualBoardProcess) -> None:
    connection, client = connect(board.jtag_place)
    with connection:
        client.reset()
        client.write_dp(0x4, 0x5000_0000)
        client.write_word(DTCM, 0xE7FD_3001)
        client.write_register(15, DTCM)
        client.write_register(16, 1 << 24)
        client.write_word(DHCSR, KEY | 1)
    connection, client = connect(board.jtag_place)
    with connection:
        client.reset()
        assert client.read_word(DHCSR) & (S_HALT | 3) == 1
        client.write_word(DHCSR, KEY | 3)
        client.wait_halted()
        assert client.read_register(15) in (DTCM, DTCM + 2)


def test_a_path_that_cannot_be_had_is_reported() -> None:
    command = [sys.executable, "-m", "utvm.virtual_board", "stm32f746-disco", "--jtag", "/no-such-folder/jtag"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "/no-such-folder/jtag" in done.stderr
    assert "choose another path" in done.stderr


def _is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
