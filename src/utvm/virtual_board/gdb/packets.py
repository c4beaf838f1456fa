"""Framing of the GDB remote protocol: packets, acknowledgements, escapes, and what is neither."""

from __future__ import annotations

from collections.abc import Iterator

INTERRUPT = b"\x03"
_ESCAPED = b"#$}*"


def checksum(payload: bytes) -> int:
    """The modulo-256 sum of a payload as it travels."""
    return sum(payload) & 0xFF


def frame(payload: bytes) -> bytes:
    """A payload, already escaped if it is binary, as a packet."""
    return b"$%b#%02x" % (payload, checksum(payload))


def escape(data: bytes) -> bytes:
    """Binary data for a payload."""
    data = data.replace(b"}", b"}]")
    for byte in _ESCAPED.replace(b"}", b""):
        data = data.replace(bytes([byte]), bytes([0x7D, byte ^ 0x20]))
    return data


def unescape(payload: bytes) -> bytes:
    """The binary data of a payload."""
    head, *rest = payload.split(b"}")
    return head + b"".join(bytes([part[0] ^ 0x20]) + part[1:] for part in rest if part)


class PacketReader:
    """Cuts a byte stream into events: ("packet", payload), ("corrupt", payload), ("interrupt", b""), ("nack", b"")."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """The events that `data` completes. Bytes outside of packets are dropped."""
        self._buffer += data
        while self._buffer:
            first = self._buffer[:1]
            if first == b"$":
                end = self._buffer.find(b"#", 1)
                if end < 0 or len(self._buffer) < end + 3:
                    if len(self._buffer) > self._limit_bytes:
                        self._buffer.clear()
                        yield "corrupt", b""
                    return
                payload, digits = bytes(self._buffer[1:end]), bytes(self._buffer[end + 1 : end + 3])
                del self._buffer[: end + 3]
                # A new start inside a packet means the tail of the first one was lost.
                payload = payload[payload.rfind(b"$") + 1 :]
                yield ("packet" if _matches(digits, payload) else "corrupt"), payload
                continue
            if first == INTERRUPT:
                yield "interrupt", b""
            elif first == b"-":
                yield "nack", b""
            start = self._buffer.find(b"$") if first not in (INTERRUPT, b"+", b"-") else 1
            interrupted = self._buffer.find(INTERRUPT) if start != 1 else -1
            cut = min((position for position in (start, interrupted) if position >= 0), default=len(self._buffer))
            del self._buffer[:cut]


def _matches(digits: bytes, payload: bytes) -> bool:
    try:
        return int(digits, 16) == checksum(payload)
    except ValueError:
        return False
