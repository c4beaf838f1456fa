"""A transport that counts what passes through it."""

from __future__ import annotations

from collections import Counter

from utvm.boards import Board
from utvm.transports import StopReason, VirtualBoardTransport


class CountingTransport(VirtualBoardTransport):
    """A virtual board, with the number of reads, writes and runs."""

    def __init__(self, board: Board) -> None:
        self.counts: Counter[str] = Counter()
        super().__init__(board.reference)

    def _read(self, addr: int, size_bytes: int) -> bytes:
        self.counts["read"] += 1
        return super()._read(addr, size_bytes)

    def _write(self, addr: int, data: bytes) -> None:
        self.counts["write"] += 1
        super()._write(addr, data)

    def _execute(
        self,
        entry_addr: int,
        timeout_s: float,
        stop_addr: int | None,
        stack_addr: int | None,
        arguments: tuple[int, ...],
    ) -> StopReason:
        self.counts["execute"] += 1
        return super()._execute(entry_addr, timeout_s, stop_addr, stack_addr, arguments)
