"""A virtual board in a process of its own, and a raw client that says exactly what it is told to."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from utvm.transports import VirtualBoardProcess
from utvm.virtual_board.gdb.packets import frame

ANSWER_TIMEOUT_S = 5.0


class RawClient:
    """Packets by hand; acknowledgements are skipped unless asked for."""

    def __init__(self, process: VirtualBoardProcess) -> None:
        self.socket = socket.create_connection((process.host, process.gdb_port), timeout=ANSWER_TIMEOUT_S)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive_packet(self) -> bytes:
        """The payload of the next packet, whatever stands before it."""
        while b"#" not in self._buffer or len(self._buffer) < self._buffer.index(b"#") + 3:
            self._fill()
        _, _, rest = self._buffer.partition(b"$")
        payload, _, tail = rest.partition(b"#")
        self._buffer = tail[2:]
        return payload

    def receive_raw(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._fill()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def ask(self, payload: bytes) -> bytes:
        self.send(frame(payload))
        return self.receive_packet()

    def _fill(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("the server closed the connection")
        self._buffer += data

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def process() -> Iterator[VirtualBoardProcess]:
    board = VirtualBoardProcess("stm32f746-disco")
    yield board
    board.close()


@pytest.fixture
def client(process: VirtualBoardProcess) -> Iterator[RawClient]:
    raw = RawClient(process)
    yield raw
    raw.close()
