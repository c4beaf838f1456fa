"""What a profiled run gives: the run, and what every basic block of the image cost in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from utvm.transports import BlockProfile, Transport

if TYPE_CHECKING:
    from utvm.session.standalone import Run

READ_TOGETHER_BYTES = 256


@dataclass(frozen=True)
class CodeRange:
    """Bytes of the image where blocks ran."""

    addr: int
    data: bytes

    def contains(self, addr: int, size_bytes: int) -> bool:
        """Whether all of them are here."""
        return self.addr <= addr and addr + size_bytes <= self.addr + len(self.data)


@dataclass(frozen=True)
class Profile:
    """A run, its basic blocks by address, and their code."""

    run: Run
    blocks: tuple[BlockProfile, ...]
    code: tuple[CodeRange, ...]

    def code_of(self, block: BlockProfile) -> bytes:
        """A block's code; empty if it is not there."""
        for part in self.code:
            if part.contains(block.addr, block.size_bytes):
                return part.data[block.addr - part.addr :][: block.size_bytes]
        return b""


def read_code(transport: Transport, blocks: Sequence[BlockProfile]) -> tuple[CodeRange, ...]:
    """The code of blocks, read from the board: code may have been copied to where it runs."""
    ranges: list[tuple[int, int]] = []
    for block in sorted(blocks, key=lambda block: block.addr):
        start, end = block.addr, block.addr + block.size_bytes
        if ranges and start - ranges[-1][1] < READ_TOGETHER_BYTES:
            ranges[-1] = ranges[-1][0], max(ranges[-1][1], end)
        else:
            ranges.append((start, end))
    return tuple(CodeRange(start, transport.read(start, end - start)) for start, end in ranges)
