"""The allocator: no overlaps, nothing outside, holes that grow together again, errors that name what is short."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utvm.boards import load_board
from utvm.errors import OutOfDeviceMemory, UsageError
from utvm.session.memory import NULL_GUARD_BYTES, Block, DeviceMemory, code_regions, heap_regions

F746 = load_board("stm32f746-disco")


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100_000)), max_size=60))
def test_live_blocks_are_apart_and_inside_and_everything_comes_back(steps: list[tuple[bool, int]]) -> None:
    memory = DeviceMemory(F746)
    whole = [(hole.addr, hole.size_bytes) for hole in memory.holes(heap_regions(F746))]
    live: list[Block] = []
    for is_allocation, number in steps:
        if is_allocation:
            try:
                live.append(memory.allocate(number, heap_regions(F746), "heap", "test"))
            except OutOfDeviceMemory:
                assert all(hole.size_bytes < number + 16 for hole in memory.holes(heap_regions(F746)))
        elif live:
            memory.free(live.pop(number % len(live)))
        ordered = sorted(live, key=lambda block: block.addr)
        assert all(low.end_addr <= high.addr for low, high in itertools.pairwise(ordered))
        assert all(F746.region(block.region).contains(block.addr, block.size_bytes) for block in live)
        assert all(block.addr % 16 == 0 for block in live)
    for block in live:
        memory.free(block)
    assert [(hole.addr, hole.size_bytes) for hole in memory.holes(heap_regions(F746))] == whole


def test_null_is_never_allocated() -> None:
    memory = DeviceMemory(F746)
    assert memory.holes(["itcm"])[0].addr == NULL_GUARD_BYTES


def test_a_shortage_names_sizes_and_holders() -> None:
    memory = DeviceMemory(F746)
    memory.allocate(200_000, ["sram1"], "heap", "tensor int8[200000]")
    with pytest.raises(OutOfDeviceMemory) as caught:
        memory.allocate(100_000, ["sram1"], "heap", "tensor int8[100000]")
    assert "no room for tensor int8[100000] of 100,000 bytes in sram1: the largest hole is of 45,760 bytes" in str(
        caught.value
    )
    assert "held by tensor int8[200000] 200,000" in str(caught.value)


def test_a_block_is_freed_once() -> None:
    memory = DeviceMemory(F746)
    block = memory.allocate(10, ["dtcm"], "heap", "it")
    memory.free(block)
    with pytest.raises(UsageError, match="freed twice"):
        memory.free(block)


def test_taken_memory_must_be_free() -> None:
    memory = DeviceMemory(F746)
    block = memory.take(0x2000_0100, 64, "dtcm", "text", "code")
    with pytest.raises(UsageError, match="not free"):
        memory.take(block.addr + 32, 64, "dtcm", "text", "more code")


def test_sizes_of_the_board_file_are_limits() -> None:
    memory = DeviceMemory(F746.with_section_sizes({"heap": 1000}))
    memory.allocate(900, heap_regions(F746), "heap", "first")
    with pytest.raises(OutOfDeviceMemory, match=r"section_sizes\.heap = 1,000, of which 900 are taken"):
        memory.allocate(101, heap_regions(F746), "heap", "second")


def test_code_goes_to_the_last_region_of_the_arena_first() -> None:
    assert code_regions(F746) == ["sram2", "sram1", "dtcm"]
