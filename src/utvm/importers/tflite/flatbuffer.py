"""Checked access to the flatbuffer that a .tflite file is.

The flatbuffers package believes what a file says of itself. Here every table must lie inside the file before a field
of it is read, and two budgets bound what reading can cost: the bytes of all vectors together, so that a small file
cannot name one large vector a thousand times, and the entries that become Python objects.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from utvm.errors import ImportModelError
from utvm.model.tensor import Array

MAX_ENTRIES = 1 << 21
MAX_NAME_CHARACTERS = 512

_SOFFSET = struct.Struct("<i")
_VTABLE_HEAD = struct.Struct("<HH")


def table_is_inside(data: bytes, position: int) -> bool:
    """Whether a table at `position` and the vtable it points at lie inside the file."""
    if not 0 <= position <= len(data) - _SOFFSET.size:
        return False
    vtable = position - int(_SOFFSET.unpack_from(data, position)[0])
    if not 0 <= vtable <= len(data) - _VTABLE_HEAD.size:
        return False
    vtable_bytes, table_bytes = _VTABLE_HEAD.unpack_from(data, vtable)
    ends_inside = vtable + int(vtable_bytes) <= len(data) and position + int(table_bytes) <= len(data)
    return ends_inside and int(vtable_bytes) >= _VTABLE_HEAD.size


class CheckedFile:
    """The bytes of a file with what may still be read of them; every refusal is an ImportModelError."""

    def __init__(self, data: bytes, source: str) -> None:
        self.data = data
        self.source = source
        self._bytes_left = 4 * len(data) + (1 << 16)
        self._entries_left = MAX_ENTRIES

    def error(self, problem: str) -> ImportModelError:
        """An error in the file, to be raised."""
        return ImportModelError(f"{self.source}: {problem}")

    def corrupted(self, problem: str) -> ImportModelError:
        """An error that no converter writes, to be raised."""
        return self.error(f"corrupted or truncated: {problem}; download or export the file again")

    def spend_bytes(self, count: int, what: str) -> None:
        """Charge bytes that are about to be read or copied."""
        self._bytes_left -= count
        if self._bytes_left < 0:
            raise self.corrupted(f"{what}: the vectors together are several times larger than the file")

    def count(self, length: int, what: str, item_bytes: int, limit: int = MAX_ENTRIES) -> int:
        """The length of a vector whose entries will be visited one by one, checked against file and budgets."""
        if length * item_bytes > len(self.data):
            raise self.corrupted(f"{what}: {length} entries do not fit a file of {len(self.data)} bytes")
        if length > limit:
            raise self.error(f"{what}: {length} entries; at most {limit} are supported")
        self.spend_bytes(length * item_bytes, what)
        self._entries_left -= length
        if self._entries_left < 0:
            raise self.error(f"{what}: the file lists over {MAX_ENTRIES} numbers and records; no network has so many")
        return length

    def table(self, read: Callable[..., Any], what: str, *arguments: int) -> Any:
        """The table that `read` gives for the arguments, known to lie inside the file; None when the file has none."""
        try:
            table = read(*arguments)
        except (struct.error, TypeError) as error:  # TypeError: flatbuffers, on an offset beyond 32 bits
            raise self.corrupted(f"{what} lies outside the file") from error
        if table is not None and not table_is_inside(self.data, table._tab.Pos):
            raise self.corrupted(f"{what} lies outside the file")
        return table

    def array(self, table: Any, field: str, what: str) -> Array:
        """A vector of numbers as a view of the file; the caller charges for what it makes of it."""
        try:
            length = getattr(table, f"{field}Length")()
            if length == 0:
                return np.empty(0, np.uint8)
            if length > len(self.data):
                raise self.corrupted(f"{what}: {length} entries do not fit a file of {len(self.data)} bytes")
            return np.asarray(getattr(table, f"{field}AsNumpy")())
        except (struct.error, ValueError) as error:  # ValueError: numpy, on a view that would reach behind the file
            raise self.corrupted(f"{what}: the vector lies outside the file") from error

    def numbers(self, table: Any, field: str, what: str, limit: int = MAX_ENTRIES) -> list[Any]:
        """A vector of numbers as Python numbers."""
        values = self.array(table, field, what)
        self.count(values.size, what, values.itemsize, limit)
        numbers: list[Any] = values.tolist()
        return numbers

    def text(self, read: Callable[[], bytes | None], what: str) -> str:
        """A string, fit for messages and comments: UTF-8, printable, of bounded length; what is not is replaced."""
        try:
            raw = read() or b""
        except struct.error as error:
            raise self.corrupted(f"{what} lies outside the file") from error
        self.spend_bytes(len(raw), what)
        if len(raw) > MAX_NAME_CHARACTERS:
            raw = raw[:MAX_NAME_CHARACTERS] + b"..."
        decoded = raw.decode("utf-8", errors="replace")
        return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in decoded)
