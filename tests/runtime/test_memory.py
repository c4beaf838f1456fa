"""memcpy, memmove, memset and memcmp of the runtime, against Python's bytes."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utvm.toolchain.host import build_shared_library, find_host_compiler

RUNTIME = Path(__file__).parents[2] / "src" / "utvm" / "runtime"
ROOM = 160
NAMES = ("memcpy", "memmove", "memset", "memcmp")


@pytest.fixture(name="memory", scope="module")
def memory_library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("memory")
    # Under other names, so that the process's own functions stay in use.
    renamed = [f"-D{name}=utvm_{name}" for name in NAMES]
    compiler = find_host_compiler()
    flags = ["-ffreestanding", "-Wconversion", *renamed]
    library = build_shared_library(
        compiler, [RUNTIME / "common" / "memory.c"], folder / "libmemory.so", extra_flags=flags
    )
    return ctypes.CDLL(str(library))


offsets = st.integers(0, 40)
sizes = st.integers(0, 90)
contents = st.binary(min_size=ROOM, max_size=ROOM)


def address(buffer: ctypes.Array[ctypes.c_char], offset: int) -> ctypes.c_void_p:
    return ctypes.c_void_p(ctypes.addressof(buffer) + offset)


@given(data=contents, other=contents, to=offsets, start=offsets, size=sizes)
def test_memcpy(memory: ctypes.CDLL, data: bytes, other: bytes, to: int, start: int, size: int) -> None:
    target, source = ctypes.create_string_buffer(data, ROOM), ctypes.create_string_buffer(other, ROOM)
    memory.utvm_memcpy(address(target, to), address(source, start), ctypes.c_size_t(size))
    assert target.raw == data[:to] + other[start : start + size] + data[to + size :]
    assert source.raw == other


@given(data=contents, to=offsets, start=offsets, size=sizes)
def test_memmove(memory: ctypes.CDLL, data: bytes, to: int, start: int, size: int) -> None:
    buffer = ctypes.create_string_buffer(data, ROOM)
    memory.utvm_memmove(address(buffer, to), address(buffer, start), ctypes.c_size_t(size))
    assert buffer.raw == data[:to] + data[start : start + size] + data[to + size :]


@given(data=contents, to=offsets, size=sizes, value=st.integers(-128, 255))
def test_memset(memory: ctypes.CDLL, data: bytes, to: int, size: int, value: int) -> None:
    buffer = ctypes.create_string_buffer(data, ROOM)
    memory.utvm_memset(address(buffer, to), value, ctypes.c_size_t(size))
    assert buffer.raw == data[:to] + bytes([value & 0xFF]) * size + data[to + size :]


@given(left=st.binary(max_size=12), right=st.binary(max_size=12))
def test_memcmp(memory: ctypes.CDLL, left: bytes, right: bytes) -> None:
    size = min(len(left), len(right))
    sign = memory.utvm_memcmp(left, right, ctypes.c_size_t(size))
    assert (sign > 0) - (sign < 0) == (left[:size] > right[:size]) - (left[:size] < right[:size])
