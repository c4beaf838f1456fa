"""The board's memories as buffers of this process: shared by the emulated core and the debugger."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from utvm.boards import Region
from utvm.errors import BoardError

PAGE_BYTES = 1024  # the smallest unit Unicorn maps for Cortex-M
ERASED = b"\xff"


class MemoryFault(Exception):
    """A debugger's access touched an address where the board has no memory."""

    def __init__(self, addr: int) -> None:
        self.addr = addr
        super().__init__(f"no memory at {addr:#010x}")


@dataclass(frozen=True)
class HostRegion:
    """One region and its bytes. `host_addr` is where the buffer lies in this process."""

    region: Region
    buffer: mmap.mmap
    host_addr: int


class Memory:
    """All regions of a board; RAM holds zeros at power-up, flash is erased."""

    def __init__(self, regions: Sequence[Region]) -> None:
        self.regions = tuple(_allocate(region) for region in sorted(regions, key=lambda region: region.base_addr))

    def read(self, addr: int, size_bytes: int) -> bytes:
        """The bytes at [addr, addr + size_bytes), which may span adjacent regions; MemoryFault on a gap."""
        return b"".join(
            region.buffer[offset : offset + length] for region, offset, length in self._spans(addr, size_bytes)
        )

    def write(self, addr: int, data: bytes) -> None:
        """Store bytes as a debugger does, into flash too; nothing is written if any byte has no memory."""
        done = 0
        for region, offset, length in list(self._spans(addr, len(data))):
            region.buffer[offset : offset + length] = data[done : done + length]
            done += length

    def is_ram(self, addr: int, size_bytes: int) -> bool:
        """Whether the core can write all of [addr, addr + size_bytes)."""
        try:
            return all(region.region.kind == "ram" for region, _, _ in self._spans(addr, size_bytes))
        except MemoryFault:
            return False

    def power_up(self) -> None:
        """Clear every RAM; flash keeps its contents."""
        for region in self.regions:
            if region.region.kind == "ram":
                ctypes.memset(region.host_addr, 0, region.region.size_bytes)

    def _spans(self, addr: int, size_bytes: int) -> Iterator[tuple[HostRegion, int, int]]:
        while size_bytes > 0:
            for region in self.regions:
                if region.region.contains(addr):
                    offset = addr - region.region.base_addr
                    length = min(size_bytes, region.region.size_bytes - offset)
                    yield region, offset, length
                    addr, size_bytes = addr + length, size_bytes - length
                    break
            else:
                raise MemoryFault(addr)


def _allocate(region: Region) -> HostRegion:
    if region.base_addr % PAGE_BYTES or region.size_bytes % PAGE_BYTES:
        raise BoardError(
            f"region {region.name}: the virtual board needs a base and a size that are multiples of {PAGE_BYTES} bytes"
        )
    buffer = mmap.mmap(-1, region.size_bytes)
    if region.kind == "flash":
        buffer[:] = ERASED * region.size_bytes
    return HostRegion(region, buffer, ctypes.addressof(ctypes.c_char.from_buffer(buffer)))
