"""Issue rules of the single-issue cores: Cortex-M4 and Cortex-M33."""

from __future__ import annotations

from utvm.microkernels.assembly.instruction import Instruction, Kind, Use
from utvm.microkernels.assembly.pipeline import Pipeline

_TAKEN_BRANCH_CYCLES = 2
_DELAYED_ON_M33 = frozenset({Kind.BITFIELD, Kind.SATURATE, Kind.MAC})


class CortexM4(Pipeline):
    """A load costs a second cycle unless a load or store follows it, and a third where that one needs its result."""

    def __init__(self) -> None:
        self._cycle = 0
        self._last: Instruction | None = None

    def earliest(self, instruction: Instruction) -> int:
        """See Pipeline."""
        last = self._last
        if last is None or not last.is_load:
            return self._cycle
        overlaps = instruction.is_memory and not set(last.writes) & set(instruction.read_registers)
        return self._cycle if overlaps else self._cycle + 1

    def issue(self, instruction: Instruction) -> None:
        """See Pipeline."""
        self._cycle = self.earliest(instruction) + 1
        self._last = instruction

    def taken_branch(self) -> None:
        """See Pipeline."""
        self._cycle += _TAKEN_BRANCH_CYCLES
        self._last = None

    @property
    def cycles(self) -> int:
        """See Pipeline."""
        return self._cycle

    def latency(self, producer: Instruction, consumer: Instruction, register: str) -> int:
        """See Pipeline."""
        del consumer, register
        return 2 if producer.is_load else 1


class CortexM33(Pipeline):
    """One a cycle; loads, products, SIMD and shifted operands are used a cycle later than other results."""

    def __init__(self) -> None:
        self._cycle = 0
        self._ready: dict[str, tuple[int, Kind]] = {}

    def earliest(self, instruction: Instruction) -> int:
        """See Pipeline."""
        return max((self._ready_for(name, use) for name, use in instruction.reads), default=self._cycle)

    def issue(self, instruction: Instruction) -> None:
        """See Pipeline."""
        at = self.earliest(instruction)
        for register in instruction.writes:
            delay = 1 if register == instruction.base_update else _m33_delay(instruction)
            self._ready[register] = (at + delay, instruction.kind)
        self._cycle = at + (2 if instruction.kind is Kind.MULTIPLE else 1)

    def taken_branch(self) -> None:
        """See Pipeline."""
        self._cycle += _TAKEN_BRANCH_CYCLES - 1

    @property
    def cycles(self) -> int:
        """See Pipeline."""
        return self._cycle

    def latency(self, producer: Instruction, consumer: Instruction, register: str) -> int:
        """See Pipeline."""
        use = next(use for name, use in consumer.reads if name == register)
        return _m33_delay(producer) - int(_forwarded(producer.kind, use))

    def _ready_for(self, register: str, use: Use) -> int:
        ready, kind = self._ready.get(register, (0, Kind.ALU))
        return max(self._cycle, ready - int(_forwarded(kind, use)))


def _m33_delay(instruction: Instruction) -> int:
    return 2 if instruction.is_load or instruction.shifts or instruction.kind in _DELAYED_ON_M33 else 1


def _forwarded(producer: Kind, use: Use) -> bool:
    """Whether the consumer takes the result one cycle before others could."""
    if use is Use.ACCUMULATOR:
        return producer is Kind.MAC or producer in {Kind.LOAD, Kind.LOAD_SUBWORD}
    return use is Use.STORED and producer in {Kind.LOAD, Kind.LOAD_SUBWORD}
