"""One instruction as the scheduler sees it: its text, what it reads and how early, what it writes, what kind it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What execution resource an instruction needs."""

    ALU = "alu"
    SHIFT = "shift"
    MAC = "multiply"
    BITFIELD = "bitfield or DSP"
    SATURATE = "saturating"
    LOAD = "load word"
    LOAD_SUBWORD = "load byte or half-word"
    STORE = "store"
    MULTIPLE = "several registers"
    BRANCH = "branch"


class Use(Enum):
    """When in the pipeline a register is read."""

    LATE = "operand of the late ALU"
    EARLY = "address, shifted operand, extracted field"
    MULTIPLICAND = "factor of a product"
    ACCUMULATOR = "what a product is added to"
    STORED = "data of a store"


FLAGS = "flags"
GE = "GE"
"""What SIMD comparisons leave for SEL."""

LOADS = frozenset({Kind.LOAD, Kind.LOAD_SUBWORD})
MEMORY = LOADS | {Kind.STORE}


@dataclass(frozen=True)
class Instruction:
    """`reads` pairs registers with their use; FLAGS is a register like others.

    `space` names the memory touched: two accesses are ordered if one is a store and their spaces are equal. `bank` is
    bit 2 of the address where it is known relative to other accesses (0 or 1), by which two loads can pair.
    `shifts` says that an operand goes through the shifter (the barrel or the extracting one).
    """

    text: str
    kind: Kind
    reads: tuple[tuple[str, Use], ...] = ()
    writes: tuple[str, ...] = ()
    space: str = ""
    bank: int | None = None
    shifts: bool = False
    base_update: str = ""

    @property
    def is_load(self) -> bool:
        """Whether it loads one register."""
        return self.kind in LOADS

    @property
    def is_memory(self) -> bool:
        """Whether it loads or stores one register."""
        return self.kind in MEMORY

    @property
    def read_registers(self) -> tuple[str, ...]:
        """The registers read, whenever."""
        return tuple(register for register, _ in self.reads)
