"""When instructions issue: what the scheduler asks of a model of a core."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from utvm.microkernels.assembly.instruction import Instruction


class Pipeline(ABC):
    """The state of one core's pipeline: instructions are issued to it in order."""

    @abstractmethod
    def earliest(self, instruction: Instruction) -> int:
        """The cycle in which the instruction would issue now."""

    @abstractmethod
    def issue(self, instruction: Instruction) -> None:
        """Issue it, in its earliest cycle."""

    @abstractmethod
    def taken_branch(self) -> None:
        """The last instruction was a branch that was taken."""

    @property
    @abstractmethod
    def cycles(self) -> int:
        """Cycles so far."""

    @abstractmethod
    def latency(self, producer: Instruction, consumer: Instruction, register: str) -> int:
        """Cycles from the issue of one instruction to that of another that reads its result from `register`."""

    def run(self, instructions: Iterable[Instruction]) -> int:
        """Issue all; the cycles since the start."""
        for instruction in instructions:
            self.issue(instruction)
        return self.cycles
