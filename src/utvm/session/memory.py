"""The board's RAM as the session hands it out: a real allocator per region, which frees and coalesces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from utvm.boards import Board, Region
from utvm.errors import OutOfDeviceMemory, UsageError

ALIGNMENT_BYTES = 16
NULL_GUARD_BYTES = 256
"""Kept free at address 0, so that no pointer to something is null."""

_LISTED_OWNERS = 6


@dataclass(frozen=True)
class Block:
    """Allocated memory. `kind` is the section it belongs to, `owner` what holds it."""

    addr: int
    size_bytes: int
    region: str
    kind: str
    owner: str

    @property
    def end_addr(self) -> int:
        """First address behind the block."""
        return self.addr + self.size_bytes

    def overlaps(self, addr: int, size_bytes: int) -> bool:
        """Whether any byte of [addr, addr + size_bytes) lies in the block."""
        return self.addr < addr + size_bytes and addr < self.end_addr


@dataclass(frozen=True)
class Hole:
    """Free memory between two blocks of a region."""

    addr: int
    size_bytes: int
    region: str

    @property
    def end_addr(self) -> int:
        """First address behind the hole."""
        return self.addr + self.size_bytes


class DeviceMemory:
    """All RAM of a board. Not thread-safe; addresses in bytes."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._regions: dict[str, Region] = {region.name: region for region in board.regions if region.kind == "ram"}
        self._blocks: dict[str, list[Block]] = {name: [] for name in self._regions}
        self._limits = _limits(board)
        for region in self._regions.values():
            if region.base_addr == 0:
                self._insert(Block(0, NULL_GUARD_BYTES, region.name, "guard", "null pointers"))

    def take(self, addr: int, size_bytes: int, region: str, kind: str, owner: str) -> Block:
        """Allocate exactly these bytes, which must lie in a hole of the region."""
        if not any(hole.addr <= addr and addr + size_bytes <= hole.end_addr for hole in self.holes([region])):
            raise UsageError(f"{size_bytes} bytes at {addr:#010x} are not free in region {region}")
        block = Block(addr, size_bytes, region, kind, owner)
        self._check_limit(block)
        if size_bytes:
            self._insert(block)
        return block

    def allocate(
        self, size_bytes: int, regions: Sequence[str], kind: str, owner: str, alignment_bytes: int = ALIGNMENT_BYTES
    ) -> Block:
        """Allocate from the top of the first region with room; raises OutOfDeviceMemory naming what is short.

        Code and data of modules grow from the bottom, tensors from the top, so that neither splits the other's room.
        """
        for name in regions:
            for hole in reversed(self.holes([name])):
                addr = (hole.end_addr - max(size_bytes, 1)) // alignment_bytes * alignment_bytes
                if addr >= hole.addr:
                    return self.take(addr, max(size_bytes, 1), name, kind, owner)
        raise self.shortage(owner, size_bytes, regions)

    def free(self, block: Block) -> None:
        """Give a block back; neighbouring holes become one. Raises UsageError for a block that is not allocated."""
        blocks = self._blocks.get(block.region, [])
        if block.size_bytes == 0:
            return
        if block not in blocks:
            raise UsageError(f"{block.owner} at {block.addr:#010x} is not allocated (freed twice?)")
        blocks.remove(block)

    def holes(self, regions: Sequence[str]) -> list[Hole]:
        """Free memory of these regions, in their order and by address."""
        found = []
        for name in regions:
            region = self._regions[name]
            addr = region.base_addr
            for block in self._blocks[name]:
                if block.addr > addr:
                    found.append(Hole(addr, block.addr - addr, name))
                addr = block.end_addr
            if addr < region.end_addr:
                found.append(Hole(addr, region.end_addr - addr, name))
        return found

    def blocks(self) -> list[Block]:
        """Everything allocated, by region and address."""
        return [block for blocks in self._blocks.values() for block in blocks]

    def shortage(self, what: str, size_bytes: int, regions: Sequence[str]) -> OutOfDeviceMemory:
        """The error for something that does not fit: its size, the largest hole, and what holds the rest."""
        holes = self.holes(regions)
        largest = max(holes, key=lambda hole: hole.size_bytes, default=None)
        free_bytes = sum(hole.size_bytes for hole in holes)
        room = (
            "nothing is free"
            if largest is None
            else (f"the largest hole is of {largest.size_bytes:,} bytes in {largest.region}, {free_bytes:,} are free")
        )
        held = sorted((block for name in regions for block in self._blocks[name]), key=lambda block: -block.size_bytes)
        listed = ", ".join(f"{block.owner} {block.size_bytes:,}" for block in held[:_LISTED_OWNERS])
        rest = f" and {len(held) - _LISTED_OWNERS} more" if len(held) > _LISTED_OWNERS else ""
        return OutOfDeviceMemory(
            f"{self.board.name}: no room for {what} of {size_bytes:,} bytes in {', '.join(regions)}: {room}; "
            f"held by {listed or 'nothing'}{rest}. Free tensors or unload modules"
        )

    def _check_limit(self, block: Block) -> None:
        limit = self._limits.get(block.kind)
        if limit is None:
            return
        used = sum(other.size_bytes for other in self.blocks() if other.kind == block.kind)
        if used + block.size_bytes > limit:
            raise OutOfDeviceMemory(
                f"{self.board.name}: no room for {block.owner} of {block.size_bytes:,} bytes: the board file gives "
                f"hosted.section_sizes.{block.kind} = {limit:,}, of which {used:,} are taken"
            )

    def _insert(self, block: Block) -> None:
        blocks = self._blocks[block.region]
        blocks.append(block)
        blocks.sort(key=lambda item: item.addr)


def _limits(board: Board) -> Mapping[str, int]:
    """Explicit sizes of the sections that grow with what is loaded."""
    sizes = board.hosted.section_sizes
    given = {"text": sizes.text, "rodata": sizes.rodata, "data": sizes.data, "bss": sizes.bss, "heap": sizes.heap}
    return {kind: size_bytes for kind, size_bytes in given.items() if size_bytes is not None}


def code_regions(board: Board) -> list[str]:
    """RAM regions for code, in order of preference: those of the board file, else the arena's from the last on.

    Those are within reach of each other's branches and leave the fastest memory to tensors.
    """
    if board.hosted.code is not None:
        return list(board.hosted.code)
    return [name for name in reversed(board.placement.arena) if board.region(name).executable]


def heap_regions(board: Board) -> list[str]:
    """RAM regions for tensors, in order of preference."""
    return list(board.hosted.heap or board.placement.arena)
