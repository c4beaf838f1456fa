"""A GDB server of a few lines whose manners can be chosen: acknowledgements, small packets, no X, garbage."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from utvm.virtual_board.gdb.packets import PacketReader, frame

RAM_ADDR, RAM_BYTES = 0x2000_0000, 0x4000
Override = Callable[[bytes], bytes | None]


@dataclass
class FakeServer:
    """Serves a RAM and 17 registers, described by no target.xml. `override` answers a packet first, or gives None.

    An answer of b"!silence" sends nothing, b"!close" hangs up, and one that starts with b"!raw" is sent as it stands.
    """

    packet_bytes: int = 0x200
    override: Override = lambda _payload: None

    def __post_init__(self) -> None:
        self.memory = bytearray(RAM_BYTES)
        self.registers = [0] * 17
        self.packets: list[bytes] = []
        self.acknowledgements = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        reader = PacketReader(1 << 20)
        try:
            while data := connection.recv(65536):
                self.acknowledgements += data.count(b"+") if data[:1] == b"+" else 0
                for kind, payload in reader.feed(data):
                    if kind == "interrupt":
                        connection.sendall(frame(b"S02"))
                    if kind != "packet":
                        continue
                    self.packets.append(payload)
                    answer = self.override(payload)
                    if answer is None:
                        answer = self._answer(payload.decode("latin-1"))
                    if answer == b"!close":
                        return
                    connection.sendall(b"+")
                    if answer.startswith(b"!raw"):
                        connection.sendall(answer[len(b"!raw") :])
                    elif answer != b"!silence":
                        connection.sendall(frame(answer))
        except OSError:
            return

    def _answer(self, text: str) -> bytes:
        if text.startswith("qSupported"):
            return f"PacketSize={self.packet_bytes:x}".encode()
        if text[:1] in ("m", "M"):
            place, _, digits = text[1:].partition(":")
            addr, size = (int(part, 16) for part in place.split(","))
            offset = addr - RAM_ADDR
            if not 0 <= offset <= RAM_BYTES - size:
                return b"E14"
            if text[0] == "m":
                return self.memory[offset : offset + size].hex().encode()
            self.memory[offset : offset + size] = bytes.fromhex(digits)
            return b"OK"
        if text == "g":
            words = [value.to_bytes(4, "little").hex() for value in self.registers]
            return ("".join(words[:16]) + "x" * 2 * (8 * 12 + 4) + words[16]).encode()
        if text.startswith("G"):
            data = text[1:]
            self.registers[:16] = [int.from_bytes(bytes.fromhex(data[8 * n : 8 * n + 8]), "little") for n in range(16)]
            return b"OK"
        if text == "c" or text == "s":
            self.registers[15] = self.registers[14] & ~1
            return b"S05"
        return (
            b"OK"
            if text[:2] in ("Z1", "z1", "D") or text.startswith(("qRcmd", "D"))
            else (b"S05" if text == "?" else b"")
        )
