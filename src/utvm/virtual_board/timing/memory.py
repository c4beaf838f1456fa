"""The board's memories as the native part counts them."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from utvm.boards import Board
from utvm.boards.memory_timing import RegionTiming
from utvm.errors import VirtualBoardError

NO_CACHE = -1


@dataclass(frozen=True)
class MemoryStatistics:
    """What a region's accesses cost beyond zero wait."""

    region: str
    read_misses: int
    read_stall_cycles: int
    fetch_misses: int
    fetch_stall_cycles: int
    writes: int
    write_stall_cycles: int


class NativeRegion(ctypes.Structure):
    """Mirrors vt_memory_region."""

    _fields_ = (
        ("base_addr", ctypes.c_uint32),
        ("size_bytes", ctypes.c_uint32),
        ("data_cache", ctypes.c_int32),
        ("fetch_cache", ctypes.c_int32),
        ("read_miss_cycles", ctypes.c_uint32),
        ("fetch_miss_cycles", ctypes.c_uint32),
        ("next_line_cycles", ctypes.c_uint32),
        ("write_cycles", ctypes.c_uint32),
        ("write_back_cycles", ctypes.c_uint32),
        ("word_bytes", ctypes.c_uint32),
        ("write_allocate", ctypes.c_uint32),
        ("write_through", ctypes.c_uint32),
        ("read_misses", ctypes.c_uint64),
        ("read_cycles", ctypes.c_uint64),
        ("fetch_misses", ctypes.c_uint64),
        ("fetch_cycles", ctypes.c_uint64),
        ("writes", ctypes.c_uint64),
        ("write_stall_cycles", ctypes.c_uint64),
        ("last_read_word", ctypes.c_uint32),
        ("last_fetch_word", ctypes.c_uint32),
    )


class NativeMemory:
    """The regions of a board that are not zero-wait, and its caches."""

    def __init__(self, native: ctypes.CDLL, core: int, board: Board) -> None:
        self._native = _declare(native)
        self.handle: int = native.vt_memory_create(core)
        if not self.handle:
            raise VirtualBoardError("the memory model could not be made: memory is short")
        caches = {
            cache.name: native.vt_memory_add_cache(
                self.handle, cache.size_bytes, cache.line_bytes, cache.ways, int(cache.replacement == "lru")
            )
            for cache in board.memory_timing.caches
        }
        self.regions = board.memory_timing.regions
        for timing in self.regions:
            region = board.region(timing.region)
            described = _native_region(region.base_addr, region.size_bytes, timing, caches)
            if native.vt_memory_add_region(self.handle, ctypes.byref(described)):
                raise VirtualBoardError(f"region {region.name}: its accesses cannot be watched")

    def statistics(self) -> tuple[MemoryStatistics, ...]:
        """Per region, in the board's order."""
        found = []
        for index, region in enumerate(self.regions):
            native = NativeRegion.from_address(self._native.vt_memory_statistics(self.handle, index))
            found.append(
                MemoryStatistics(
                    region.region,
                    native.read_misses,
                    native.read_cycles,
                    native.fetch_misses,
                    native.fetch_cycles,
                    native.writes,
                    native.write_stall_cycles,
                )
            )
        return tuple(found)

    def clear(self) -> None:
        """Empty all caches and buffers."""
        self._native.vt_memory_clear(self.handle)


def _native_region(base_addr: int, size_bytes: int, timing: RegionTiming, caches: dict[str, int]) -> NativeRegion:
    return NativeRegion(
        base_addr=base_addr,
        size_bytes=size_bytes,
        data_cache=caches[timing.data_cache] if timing.data_cache else NO_CACHE,
        fetch_cache=caches[timing.fetch_cache] if timing.fetch_cache else NO_CACHE,
        read_miss_cycles=timing.read_miss_cycles,
        fetch_miss_cycles=timing.fetch_miss_cycles,
        next_line_cycles=timing.fetch_miss_cycles if timing.next_line_cycles is None else timing.next_line_cycles,
        write_cycles=timing.write_cycles,
        write_back_cycles=timing.write_back_cycles,
        word_bytes=timing.word_bytes,
        write_allocate=int(timing.write_allocate),
        write_through=int(timing.write_through),
    )


def _declare(native: ctypes.CDLL) -> ctypes.CDLL:
    u32, pointer, integer = ctypes.c_uint32, ctypes.c_void_p, ctypes.c_int
    signatures: dict[str, tuple[object, tuple[object, ...]]] = {
        "vt_memory_create": (pointer, (pointer,)),
        "vt_memory_add_cache": (integer, (pointer, u32, u32, u32, integer)),
        "vt_memory_add_region": (integer, (pointer, pointer)),
        "vt_memory_statistics": (pointer, (pointer, u32)),
        "vt_memory_clear": (None, (pointer,)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(native, name)
        function.restype = result
        function.argtypes = list(arguments)
    return native
