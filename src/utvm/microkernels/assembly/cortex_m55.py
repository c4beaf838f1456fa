"""A guess of the Cortex-M55's pipeline, for cores with vector instructions: one issue a cycle, two beats of four.

Arm publishes no cycle tables of it. What is taken here: a vector instruction keeps its unit (loads, stores, integer,
products) busy for two cycles, or for one per place it is scattered to, and another unit's may begin a cycle after it,
so that loads and products overlap; results of products and of rounding shifts are there a cycle later than those of
sums and loads. It chooses the order of instructions and compares schedules: its cycles are estimates, never
measurements.
"""

from __future__ import annotations

from utvm.microkernels.assembly.instruction import VECTORS, Instruction, Kind
from utvm.microkernels.assembly.pipeline import Pipeline

_TAKEN_BRANCH_CYCLES = 2
_BUSY_CYCLES = 2
_UNITS = {Kind.VECTOR_ROUND: Kind.VECTOR, Kind.VECTOR_REDUCE: Kind.VECTOR_MULTIPLY}
_LATENCIES = {
    Kind.VECTOR_ROUND: 2,
    Kind.VECTOR_MULTIPLY: 2,
    Kind.VECTOR_REDUCE: 3,
    Kind.MAC: 2,
    Kind.LOAD: 2,
    Kind.LOAD_SUBWORD: 2,
}


class CortexM55(Pipeline):
    """In order; low-overhead loops branch for nothing."""

    def __init__(self) -> None:
        self._cycle = 0
        self._ready: dict[str, int] = {}
        self._free: dict[Kind, int] = {}
        self._last: Instruction | None = None

    def earliest(self, instruction: Instruction) -> int:
        """See Pipeline."""
        at = max((self._ready.get(register, 0) for register in instruction.read_registers), default=0)
        return max(self._cycle, at, self._free.get(_unit(instruction), 0))

    def issue(self, instruction: Instruction) -> None:
        """See Pipeline."""
        at = self.earliest(instruction)
        for register in instruction.writes:
            self._ready[register] = at + (1 if register == instruction.base_update else _latency(instruction))
        if instruction.kind in VECTORS:
            self._free[_unit(instruction)] = at + max(_BUSY_CYCLES, instruction.elements)
        self._cycle = at + (0 if _is_loop_end(instruction) else 1)
        self._last = instruction

    def taken_branch(self) -> None:
        """See Pipeline."""
        if self._last is not None and not _is_loop_end(self._last):
            self._cycle += _TAKEN_BRANCH_CYCLES

    @property
    def cycles(self) -> int:
        """See Pipeline."""
        return self._cycle

    def latency(self, producer: Instruction, consumer: Instruction, register: str) -> int:
        """See Pipeline."""
        del consumer
        return 1 if register == producer.base_update else _latency(producer)


def _is_loop_end(instruction: Instruction) -> bool:
    """Whether it ends a low-overhead loop: after the first round the core knows where to branch without it."""
    return instruction.kind is Kind.BRANCH and instruction.text.startswith("le")


def _unit(instruction: Instruction) -> Kind:
    return _UNITS.get(instruction.kind, instruction.kind)


def _latency(instruction: Instruction) -> int:
    return _LATENCIES.get(instruction.kind, 1)
