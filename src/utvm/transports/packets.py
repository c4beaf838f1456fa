"""The client's side of the GDB remote protocol: framed packets over a socket, every wait with a time-out."""

from __future__ import annotations

import socket
import time

from utvm.errors import TransportError, TransportTimeout

INTERRUPT = b"\x03"
RETRIES = 3
RECEIVE_BYTES = 1 << 18
MAX_PACKET_BYTES = 1 << 24


class PacketStream:
    """An open connection to a GDB server. `peer` names it in errors."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self.peer = f"{host}:{port}"
        self.acknowledges = True
        self._buffer = bytearray()
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout_s)
        except OSError as error:
            raise TransportError(
                f"no GDB server answers at {self.peer} ({error}); start it, or check host and port"
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, payload: bytes, timeout_s: float) -> None:
        """Send a packet and, in acknowledge mode, wait until the server has it."""
        packet = b"$%b#%02x" % (payload, sum(payload) & 0xFF)
        deadline = time.monotonic() + timeout_s
        for _ in range(RETRIES):
            self._send_raw(packet, deadline)
            if not self.acknowledges or self._acknowledged(deadline):
                return
        raise TransportError(f"{self.peer} refuses packets as damaged; check the connection")

    def interrupt(self, timeout_s: float) -> None:
        """Ask the server to stop the core."""
        self._send_raw(INTERRUPT, time.monotonic() + timeout_s)

    def receive(self, timeout_s: float) -> bytes:
        """The payload of the next packet; damaged ones are asked for again."""
        deadline = time.monotonic() + timeout_s
        for _ in range(RETRIES):
            start = self._find(b"$", 0, deadline)
            end = self._find(b"#", start + 1, deadline)
            while len(self._buffer) < end + 3:
                self._receive_more(deadline)
            payload, digits = bytes(self._buffer[start + 1 : end]), bytes(self._buffer[end + 1 : end + 3])
            del self._buffer[: end + 3]
            good = digits.lower() == b"%02x" % (sum(payload) & 0xFF)
            if self.acknowledges:
                self._send_raw(b"+" if good else b"-", deadline)
            if good:
                return payload
            if not self.acknowledges:
                break
        raise TransportError(f"{self.peer} sends damaged packets; is it a GDB server?")

    def _acknowledged(self, deadline: float) -> bool:
        while True:
            while not self._buffer:
                self._receive_more(deadline)
            if self._buffer[:1] == b"$":  # a reply counts as an acknowledgement
                return True
            byte = self._buffer.pop(0)
            if byte in b"+-":
                return byte == ord("+")

    def _find(self, mark: bytes, start: int, deadline: float) -> int:
        while True:
            position = self._buffer.find(mark, start)
            if position >= 0:
                return position
            if len(self._buffer) > MAX_PACKET_BYTES:
                raise TransportError(f"{self.peer} does not speak the GDB remote protocol; check the port")
            start = max(start, len(self._buffer))
            self._receive_more(deadline)

    def _receive_more(self, deadline: float) -> None:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TransportTimeout(f"{self.peer} did not answer in time; reset the transport to use it again")
        self._socket.settimeout(remaining)
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            return
        except OSError as error:
            raise self._gone(error) from error
        if not data:
            raise self._gone("it closed the connection")
        self._buffer += data

    def _send_raw(self, data: bytes, deadline: float) -> None:
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            self._socket.sendall(data)
        except TimeoutError as error:
            raise TransportTimeout(f"{self.peer} takes no data; reset the transport to use it again") from error
        except OSError as error:
            raise self._gone(error) from error

    def _gone(self, reason: object) -> TransportError:
        return TransportError(
            f"the connection to {self.peer} is gone ({reason}): the server ended, or serves another client; "
            "restart it or reset the transport"
        )
