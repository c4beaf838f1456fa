"""The session's heap: blocks of the board's RAM, freed by the garbage collector too, reclaimed when memory is short."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Sequence

from utvm.errors import OutOfDeviceMemory
from utvm.session.memory import Block, DeviceMemory, heap_regions


class Heap:
    """Allocates from the regions for tensors. `settle` runs the queued calls, which keep their operands alive."""

    def __init__(self, memory: DeviceMemory, settle: Callable[[], None]) -> None:
        self._memory, self._settle = memory, settle
        self._released: deque[Block] = deque()
        self._reclaimers: list[Callable[[], None]] = []

    def allocate(self, size_bytes: int, owner: str, regions: Sequence[str] | None = None) -> Block:
        """A block, from the first of the regions with room. Raises OutOfDeviceMemory."""
        self.collect()
        order = heap_regions(self._memory.board) if regions is None else regions
        try:
            return self._memory.allocate(size_bytes, order, "heap", owner)
        except OutOfDeviceMemory:
            # Queued calls and garbage that waits for the collector hold tensors that nobody can read any more.
            self._settle()
            gc.collect()
            self.collect()
            for reclaim in self._reclaimers:
                reclaim()
            return self._memory.allocate(size_bytes, order, "heap", owner)

    def release(self, block: Block) -> None:
        """Free a block; may be called in any thread, by the garbage collector too."""
        self._released.append(block)

    def collect(self) -> None:
        """Really free what was released."""
        while self._released:
            self._memory.free(self._released.popleft())

    def add_reclaimer(self, reclaim: Callable[[], None]) -> None:
        """Have a function called that frees what can be had again, when memory is short."""
        self._reclaimers.append(reclaim)

    def remove_reclaimer(self, reclaim: Callable[[], None]) -> None:
        """Undo add_reclaimer; nothing happens if it was not added."""
        if reclaim in self._reclaimers:
            self._reclaimers.remove(reclaim)
