"""Memory in the forms OpenOCD takes: lists of numbers of one width, and Intel HEX files for flash."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from utvm.errors import TransportError

WORD_BYTES = 4
CHUNK_BYTES = 0x2000  # of one command: short enough for its time-out on a busy machine
HEX_RECORD_BYTES = 32
FLASH_UNIT_BYTES = 32  # the largest unit among STM32 flash memories
_FORMATS = {1: "B", 2: "H", 4: "I"}


def spans(addr: int, size_bytes: int) -> Iterator[tuple[int, int, int]]:
    """Cut a range into (address, size, width in bytes): aligned words, and single bytes before and after them."""
    end = addr + size_bytes
    first = min(-(-addr // WORD_BYTES) * WORD_BYTES, end)
    last = max(first, end // WORD_BYTES * WORD_BYTES)
    if addr < first:
        yield addr, first - addr, 1
    for start in range(first, last, CHUNK_BYTES):
        yield start, min(CHUNK_BYTES, last - start), WORD_BYTES
    if last < end:
        yield last, end - last, 1


def tcl_values(data: bytes, width: int) -> str:
    """The numbers for `write_memory`."""
    return " ".join(map(hex, struct.unpack(f"<{len(data) // width}{_FORMATS[width]}", data)))


def values_of(text: str, width: int, count: int, peer: str) -> bytes:
    """The bytes behind what `read_memory` replied."""
    try:
        return struct.pack(f"<{count}{_FORMATS[width]}", *(int(word, 16) for word in text.split()))
    except (ValueError, struct.error):
        raise TransportError(
            f"{peer} answered {text[:60]!r} instead of {count} numbers of {8 * width} bits; is it OpenOCD 0.12?"
        ) from None


def whole_flash_units(segments: Iterable[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """The segments, joined and filled up with erased bytes to what every flash driver can program."""
    units: dict[int, bytearray] = {}
    for addr, data in segments:
        for index, byte in enumerate(data, addr):
            units.setdefault(index // FLASH_UNIT_BYTES, bytearray(b"\xff" * FLASH_UNIT_BYTES))[
                index % FLASH_UNIT_BYTES
            ] = byte
    joined: list[tuple[int, bytearray]] = []
    for number in sorted(units):
        start = number * FLASH_UNIT_BYTES
        if joined and joined[-1][0] + len(joined[-1][1]) == start:
            joined[-1][1].extend(units[number])
        else:
            joined.append((start, units[number]))
    return [(addr, bytes(data)) for addr, data in joined]


def intel_hex(segments: Iterable[tuple[int, bytes]]) -> str:
    """(address, bytes) segments as an Intel HEX file."""
    records = []
    for addr, data in sorted(segments):
        offset = 0
        while offset < len(data):
            start = addr + offset
            length = min(HEX_RECORD_BYTES, len(data) - offset, 0x1_0000 - (start & 0xFFFF))
            if offset == 0 or start & 0xFFFF == 0:
                records.append(_record(0, 4, (start >> 16).to_bytes(2, "big")))
            records.append(_record(start & 0xFFFF, 0, data[offset : offset + length]))
            offset += length
    return "\n".join([*records, _record(0, 1, b""), ""])


def _record(addr: int, kind: int, data: bytes) -> str:
    body = bytes([len(data), addr >> 8, addr & 0xFF, kind]) + data
    return ":" + (body + bytes([-sum(body) & 0xFF])).hex().upper()
