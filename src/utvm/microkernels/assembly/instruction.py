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
    VECTOR_LOAD = "load of a vector"
    VECTOR_STORE = "store of a vector"
    VECTOR = "sums, logic, shifts of a vector"
    VECTOR_ROUND = "rounding, saturating or narrowing shift of a vector"
    VECTOR_MULTIPLY = "multiply of a vector"
    VECTOR_REDUCE = "products of vectors, summed into a core register"
    LANES = "core registers into lanes of a vector"


class Use(Enum):
    """When in the pipeline a register is read."""

    LATE = "operand of the late ALU"
    EARLY = "address, shifted operand, extracted field"
    MULTIPLICAND = "factor of a product"
    ACCUMULATOR = "what a product is added to"
    STORED = "data of a store"


FLAGS = "flags"
PREDICATE = "vpr"
"""Which lanes a predicated vector instruction touches."""

GE = "GE"
"""What SIMD comparisons leave for SEL."""

LOADS = frozenset({Kind.LOAD, Kind.LOAD_SUBWORD})
MEMORY = LOADS | {Kind.STORE}
STORES = frozenset({Kind.STORE, Kind.VECTOR_STORE})
VECTORS = frozenset(
    {
        Kind.VECTOR_LOAD,
        Kind.VECTOR_STORE,
        Kind.VECTOR,
        Kind.VECTOR_ROUND,
        Kind.VECTOR_MULTIPLY,
        Kind.VECTOR_REDUCE,
    }
)


@dataclass(frozen=True)
class Instruction:
    """`reads` pairs registers with their use; FLAGS is a register like others.

    `space` names the memory touched: two accesses are ordered if one is a store and their spaces are equal. `bank` is
    bit 2 of the address where it is known relative to other accesses (0 or 1), by which two loads can pair.
    `shifts` says that an operand goes through the shifter (the barrel or the extracting one). `elements` is how many
    places in memory a vector is scattered to or gathered from, if it is.
    """

    text: str
    kind: Kind
    reads: tuple[tuple[str, Use], ...] = ()
    writes: tuple[str, ...] = ()
    space: str = ""
    bank: int | None = None
    shifts: bool = False
    base_update: str = ""
    elements: int = 0

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
