"""Caches against sequences of hits and misses worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.virtual_board.timing.native import library

ROUND_ROBIN, LRU = 0, 1
Access = Callable[..., tuple[bool, bool]]


@pytest.fixture
def cache() -> Iterator[Callable[[int, int, int, int], Access]]:
    made = []

    def make(size_bytes: int, line_bytes: int, ways: int, replacement: int) -> Access:
        handle = library().vt_cache_create(size_bytes, line_bytes, ways, replacement)
        assert handle
        made.append(handle)

        def access(addr: int, *, allocate: bool = True, dirty: bool = False) -> tuple[bool, bool]:
            found = library().vt_cache_access(handle, addr, allocate, dirty)
            return bool(found.hit), bool(found.write_back)

        return access

    yield make
    for handle in made:
        library().vt_cache_destroy(handle)


def hits(access: Access, addresses: list[int]) -> str:
    return "".join(".H"[access(addr)[0]] for addr in addresses)


def test_a_line_holds_its_bytes_and_no_more(cache: Callable[..., Access]) -> None:
    access = cache(4096, 32, 4, ROUND_ROBIN)
    assert hits(access, [0x100, 0x11F, 0x104, 0x120, 0xFF, 0x13F]) == ".HH..H"


def test_addresses_a_way_apart_share_a_set(cache: Callable[..., Access]) -> None:
    access = cache(4096, 32, 4, ROUND_ROBIN)  # 32 sets: one way is 1024 bytes
    assert hits(access, [0, 1024, 2048, 3072]) == "...."
    assert hits(access, [0, 1024, 2048, 3072]) == "HHHH"
    assert hits(access, [4096, 0, 4096]) == "..H", "round robin replaces the first line, though it was used last"


def test_lru_keeps_what_was_used_last(cache: Callable[..., Access]) -> None:
    access = cache(64, 8, 2, LRU)  # 4 sets: one way is 32 bytes
    assert hits(access, [0, 32, 0, 64, 0, 32]) == "..H.H."


def test_lines_beyond_the_size_thrash_a_small_cache(cache: Callable[..., Access]) -> None:
    access = cache(256, 32, 1, ROUND_ROBIN)
    twice = [*range(0, 512, 32)] * 2
    assert hits(access, twice) == "." * 32


def test_a_store_miss_without_allocation_leaves_the_cache_alone(cache: Callable[..., Access]) -> None:
    access = cache(256, 32, 2, LRU)
    assert access(0, allocate=False, dirty=True) == (False, False)
    assert access(0) == (False, False)
    assert access(0) == (True, False)


def test_a_dirty_line_is_written_back_once_when_replaced(cache: Callable[..., Access]) -> None:
    access = cache(64, 32, 1, ROUND_ROBIN)
    assert access(0, dirty=True) == (False, False)
    assert access(64) == (False, True)
    assert access(0) == (False, False)
    assert access(0, dirty=True) == (True, False)
    assert access(128) == (False, True)


@pytest.mark.parametrize(
    ("size_bytes", "line_bytes", "ways"), [(100, 32, 1), (4096, 24, 4), (4096, 32, 3), (64, 32, 4)]
)
def test_impossible_caches_are_refused(size_bytes: int, line_bytes: int, ways: int) -> None:
    assert not library().vt_cache_create(size_bytes, line_bytes, ways, LRU)
