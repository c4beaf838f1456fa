"""Which board a process emulates, and how it counts cycles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from utvm.boards import Board, load_board
from utvm.virtual_board.cycles_kind import cycles_kind
from utvm.virtual_board.timing.choice import MemoryTiming, TimingChoice, parse_timing

if TYPE_CHECKING:
    from utvm.virtual_board.machine import Machine


@dataclass(frozen=True)
class BoardSetup:
    """A board, a timing model and a memory timing that go together."""

    board: Board
    timing: TimingChoice
    memory: MemoryTiming

    @staticmethod
    def of(board: str, timing: str | None, memory: MemoryTiming) -> BoardSetup:
        """From the words of the command line. Raises BoardError, UsageError."""
        loaded = load_board(board)
        return BoardSetup(loaded, parse_timing(timing, loaded.core.name), memory)

    @property
    def cycles_kind(self) -> str:
        """What kind of cycles it counts."""
        return cycles_kind(self.timing, self.memory)

    def machine(self) -> Machine:
        """The board, halted in reset. Imports the emulator."""
        from utvm.virtual_board.machine import Machine

        return Machine(self.board, self.timing, self.memory)
