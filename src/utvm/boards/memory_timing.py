"""What a board's memories cost beyond zero wait: caches, and stall cycles per region."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field

from utvm.boards.parts import Strict

_CACHES_AT_MOST = 4


class Cache(Strict):
    """A set-associative cache, or an accelerator that works like one."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    size_bytes: int = Field(gt=0, le=1 << 20)
    line_bytes: int = Field(gt=0, le=256)
    ways: int = Field(gt=0, le=64)
    replacement: Literal["round-robin", "lru"] = "round-robin"


class RegionTiming(Strict):
    """Stall cycles of one region. A region without one is zero-wait.

    Through a cache, `read_miss_cycles` and `fetch_miss_cycles` are for a line; without one, for each new
    `word_bytes`, the width of one read. `next_line_cycles` replaces fetch_miss_cycles where code runs on into the next
    line, for prefetchers. `write_cycles` is for a store that no cache takes, `write_back_cycles` for a dirty line that
    a miss replaces.
    """

    region: str
    data_cache: str | None = None
    fetch_cache: str | None = None
    word_bytes: int = Field(default=4, gt=0, le=256)
    read_miss_cycles: int = Field(default=0, ge=0, le=1000)
    fetch_miss_cycles: int = Field(default=0, ge=0, le=1000)
    next_line_cycles: int | None = Field(default=None, ge=0, le=1000)
    write_cycles: int = Field(default=0, ge=0, le=1000)
    write_back_cycles: int = Field(default=0, ge=0, le=1000)
    write_allocate: bool = False
    write_through: bool = True


class MemoryTiming(Strict):
    """All caches of a board, and its regions that are not zero-wait."""

    caches: tuple[Cache, ...] = Field(default=(), max_length=_CACHES_AT_MOST, strict=False)
    regions: tuple[RegionTiming, ...] = Field(default=(), strict=False)


def check_memory_timing(timing: MemoryTiming, regions: Collection[str]) -> None:
    """Names exist and occur once, sizes are powers of two."""
    caches = [cache.name for cache in timing.caches]
    for cache in timing.caches:
        key = f"memory_timing.caches.{cache.name}"
        if caches.count(cache.name) > 1:
            raise ValueError(f"{key}: two caches share this name")
        for size in ("size_bytes", "line_bytes", "ways"):
            if _is_not_power_of_two(getattr(cache, size)):
                raise ValueError(f"{key}.{size}: {getattr(cache, size)} is not a power of two")
        if cache.line_bytes * cache.ways > cache.size_bytes:
            raise ValueError(
                f"{key}: {cache.ways} ways of {cache.line_bytes} bytes do not fit {cache.size_bytes} bytes"
            )
    named = [timed.region for timed in timing.regions]
    for timed in timing.regions:
        key = f"memory_timing.regions.{timed.region}"
        if timed.region not in regions:
            raise ValueError(f"{key}: no region has this name; there are {', '.join(regions)}")
        if named.count(timed.region) > 1:
            raise ValueError(f"{key}: the region is named twice")
        if _is_not_power_of_two(timed.word_bytes):
            raise ValueError(f"{key}.word_bytes: {timed.word_bytes} is not a power of two")
        for use in ("data_cache", "fetch_cache"):
            name = getattr(timed, use)
            if name is not None and name not in caches:
                raise ValueError(f"{key}.{use}: no cache is named {name!r}; there are {', '.join(caches) or 'none'}")


def _is_not_power_of_two(value: int) -> bool:
    return value & (value - 1) != 0
