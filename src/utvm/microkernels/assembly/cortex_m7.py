"""Issue rules of the Cortex-M7: two a cycle in order, an early and a late ALU one cycle apart.

The rules are those of the virtual board's timing model (utvm/virtual_board/timing/rules/cortex_m7.py), without
branch prediction and caches; loads whose banks are unknown are taken as not pairing.
"""

from __future__ import annotations

from utvm.microkernels.assembly.instruction import FLAGS, Instruction, Kind, Use
from utvm.microkernels.assembly.pipeline import Pipeline

_SIMPLE = ("add", "sub", "mov", "movw", "movt", "adds", "subs")
_DSP = frozenset({Kind.BITFIELD, Kind.SATURATE})
_LONG_AGO = -100

# Cycles from issue to each use. Entries of a kind: late, early, multiplicand.
_RESULTS = {
    Kind.LOAD: (1, 2, 2),
    Kind.LOAD_SUBWORD: (2, 3, 2),
    Kind.MAC: (2, 3, 2),
    Kind.SATURATE: (2, 3, 2),
    Kind.MULTIPLE: (1, 2, 2),
}
_LATE_ALU = (1, 2, 1)
_EARLY_ALU = (0, 1, 0)


class CortexM7(Pipeline):
    """In-order dual issue."""

    def __init__(self) -> None:
        self._cycle = -1
        self._older: Instruction | None = None
        self._ready: dict[str, tuple[int, int, int]] = {}

    def earliest(self, instruction: Instruction) -> int:
        """See Pipeline."""
        return self._place(instruction)[0]

    def issue(self, instruction: Instruction) -> None:
        """See Pipeline."""
        cycle, pairs = self._place(instruction)
        shifter_busy = pairs and self._older is not None and self._older.shifts
        results = self._results(instruction, cycle, older_slot=not pairs, shifter_busy=shifter_busy)
        for register in instruction.writes:
            if register == FLAGS:
                late, early, factor = 1, 1, 1
            elif register == instruction.base_update:
                late, early, factor = _EARLY_ALU
            else:
                late, early, factor = results
            self._ready[register] = (cycle + late, cycle + early, cycle + factor)
        self._cycle = cycle
        self._older = None if pairs or instruction.kind is Kind.MULTIPLE else instruction

    def taken_branch(self) -> None:
        """See Pipeline."""
        self._older = None

    @property
    def cycles(self) -> int:
        """See Pipeline."""
        return self._cycle + 1

    def latency(self, producer: Instruction, consumer: Instruction, register: str) -> int:
        """See Pipeline."""
        if register == FLAGS:
            return 1
        table = _EARLY_ALU if register == producer.base_update else _RESULTS.get(producer.kind, _LATE_ALU)
        use = next(use for name, use in consumer.reads if name == register)
        return max(0, _at_use(table, use))

    def _place(self, instruction: Instruction) -> tuple[int, bool]:
        """The cycle of issue, and whether it is the younger of the pair then."""
        needed = self._operands_ready(instruction)
        if self._older is not None and needed <= self._cycle and _pair(self._older, instruction):
            return self._cycle, True
        return max(self._cycle + 1, needed), False

    def _operands_ready(self, instruction: Instruction) -> int:
        long_ago = (_LONG_AGO, _LONG_AGO, _LONG_AGO)
        if instruction.kind is Kind.BRANCH:
            return 0
        return max(
            (_at_use(self._ready.get(register, long_ago), use) for register, use in instruction.reads), default=0
        )

    def _results(
        self, instruction: Instruction, cycle: int, older_slot: bool, shifter_busy: bool
    ) -> tuple[int, int, int]:
        if instruction.kind in _RESULTS:
            return _RESULTS[instruction.kind]
        early = False
        if instruction.kind is Kind.ALU and older_slot and not instruction.shifts:
            early = instruction.text.split()[0] in _SIMPLE
        elif instruction.kind is Kind.SHIFT:
            early = not shifter_busy
        long_ago = (_LONG_AGO, _LONG_AGO, _LONG_AGO)
        early = early and all(self._ready.get(name, long_ago)[1] <= cycle for name in instruction.read_registers)
        return _EARLY_ALU if early else _LATE_ALU


def _at_use(ready: tuple[int, int, int], use: Use) -> int:
    late, early, factor = ready
    if use is Use.EARLY:
        return early
    if use is Use.MULTIPLICAND:
        return factor
    # An accumulator is needed one cycle later than an operand, the data of a store two.
    return late - {Use.LATE: 0, Use.ACCUMULATOR: 1, Use.STORED: 2}[use]


def _pair(older: Instruction, younger: Instruction) -> bool:
    """Whether the younger may issue in the same cycle."""
    kinds = {older.kind, younger.kind}
    if Kind.MULTIPLE in kinds or older.kind is younger.kind is Kind.MAC:
        return False
    if kinds == {Kind.MAC, Kind.STORE} or older.kind is younger.kind is Kind.STORE:
        return False
    if younger.kind in _DSP or (older.shifts and younger.shifts):
        return False
    if older.is_load and younger.is_load:
        return older.bank is not None and younger.bank is not None and older.bank != younger.bank
    return not older.kind is younger.kind is Kind.BRANCH
