"""The memory protection unit: its registers, and which data accesses they forbid.

Offsets are from 0xE0000000. All accesses count as privileged; execute-never and memory types are kept, not obeyed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

TYPE, CTRL, RNR, RBAR, RASR, MAIR0, MAIR1 = 0xED90, 0xED94, 0xED98, 0xED9C, 0xEDA0, 0xEDC0, 0xEDC4
ALIASES, END = 0xEDA4, 0xEDC8  # RBAR and RASR (RLAR) three times more
REGIONS = 8
CTRL_ENABLE, CTRL_HFNMIENA, CTRL_PRIVDEFENA = 1 << 0, 1 << 1, 1 << 2
RBAR_VALID, RASR_ENABLE, RLAR_ENABLE = 1 << 4, 1 << 0, 1 << 0
RBAR_READ_ONLY_V8 = 1 << 2
RASR_BITS, RASR_SUBREGIONS_FROM_BYTES = 0x173F_FF3F, 256
NO_ACCESS, READ_ONLY = (0,), (5, 6, 7)  # AP for privileged accesses
SMALLEST_REGION_BYTES_V6 = 256
GRANULE_BYTES = 32
SPACE_BYTES = 1 << 32
PRIVATE_BUS = range(0xE000_0000, 0xE010_0000)  # never forbidden to privileged accesses


class Denied(NamedTuple):
    """Addresses from `first` up to but not including `end`, and whether reads and writes are forbidden there."""

    first: int
    end: int
    reads: bool
    writes: bool

    def forbids(self, addr: int, size_bytes: int, *, is_write: bool) -> bool:
        """Whether an access that touches these addresses is forbidden."""
        return (self.writes if is_write else self.reads) and addr < self.end and addr + size_bytes > self.first


class Mpu:
    """Eight regions after PMSAv6, v7 or v8, as the core has it; without one all registers read as zero."""

    def __init__(self, core_name: str) -> None:
        self._exists = core_name != "cortex-m0"
        self._is_v8 = core_name == "cortex-m33"
        self._smallest = SMALLEST_REGION_BYTES_V6 if core_name == "cortex-m0plus" else GRANULE_BYTES
        self._has_aliases = core_name != "cortex-m0plus"
        self._control = self._number = 0
        self._bases = [0] * REGIONS
        self._attributes = [0] * REGIONS  # RASR or RLAR
        self._memory_types = {MAIR0: 0, MAIR1: 0}
        self._denied: Sequence[Denied] = ()

    def contains(self, offset: int) -> bool:
        """Whether a word register is of this unit."""
        return TYPE <= offset < END

    def read(self, offset: int) -> int:
        """A word register."""
        if not self._exists:
            return 0
        if offset in (TYPE, CTRL, RNR):
            return {TYPE: REGIONS << 8, CTRL: self._control, RNR: self._number}[offset]
        if offset in self._memory_types:
            return self._memory_types[offset]
        number = self._region_at(offset)
        if number is None:
            return 0
        if not self._is_base(offset):
            return self._attributes[number]
        return self._bases[number] | (0 if self._is_v8 else number)

    def write(self, offset: int, value: int) -> None:
        """A word register. A region number that does not exist selects none."""
        number = self._region_at(offset)
        if not self._exists:
            return
        if offset == CTRL:
            self._control = value & 7
        elif offset == RNR:
            self._number = value & 0xFF
        elif offset in self._memory_types and self._is_v8:
            self._memory_types[offset] = value
        elif self._is_base(offset) and not self._is_v8:
            if value & RBAR_VALID:
                self._number = number = value & 0xF
            if number is not None and number < REGIONS:
                self._bases[number] = value & ~(self._smallest - 1)
        elif number is not None and self._is_base(offset):
            self._bases[number] = value
        elif number is not None:
            self._attributes[number] = value & (0xFFFF_FFFF if self._is_v8 else RASR_BITS)
        self._denied = self._find_denied() if self._control & CTRL_ENABLE else ()

    def denied(self, *, in_fault_handler: bool) -> Sequence[Denied]:
        """What is forbidden now, in order and without overlaps. HFNMIENA decides about HardFault and NMI handlers."""
        return () if in_fault_handler and not self._control & CTRL_HFNMIENA else self._denied

    def _find_denied(self) -> Sequence[Denied]:
        parts = self._parts()
        borders = {0, SPACE_BYTES, PRIVATE_BUS.start, PRIVATE_BUS.stop}
        borders.update(border for part in parts for border in (part.first, part.end))
        ordered = sorted(borders)
        denied: list[Denied] = []
        for first, end in pairwise(ordered):
            if first in PRIVATE_BUS:
                continue
            reads, writes = self._access(parts, first)
            if not (reads or writes):
                continue
            if denied and denied[-1].end == first and denied[-1][2:] == (reads, writes):
                first = denied.pop().first
            denied.append(Denied(first, end, reads, writes))
        return denied

    def _region_at(self, offset: int) -> int | None:
        """The region that RBAR, RASR or an alias of theirs reaches; None elsewhere and where there is none."""
        if offset not in range(RBAR, MAIR0 - 4):
            return None
        number, alias = self._number, (offset - RBAR) // 8
        if alias and not self._has_aliases:
            return None
        if alias and self._is_v8:
            number = number & ~3 | alias
        return number if number < REGIONS else None

    @staticmethod
    def _is_base(offset: int) -> bool:
        return RBAR <= offset < MAIR0 - 4 and (offset - RBAR) % 8 == 0

    def _parts(self) -> list[Denied]:
        """The enabled stretches of all regions, the ones that win last."""
        regions = zip(self._bases, self._attributes, strict=True)
        return [part for base, attributes in regions for part in self._parts_of(base, attributes)]

    def _parts_of(self, base: int, attributes: int) -> list[Denied]:
        if not attributes & RASR_ENABLE:
            return []
        if self._is_v8:
            limit = (attributes | GRANULE_BYTES - 1) + 1
            return [Denied(base & -GRANULE_BYTES, limit, False, bool(base & RBAR_READ_ONLY_V8))]
        size = max(2 << (attributes >> 1 & 0x1F), self._smallest)
        access = attributes >> 24 & 7
        reads, first = access in NO_ACCESS, base & -size
        writes = reads or access in READ_ONLY
        if size < RASR_SUBREGIONS_FROM_BYTES:
            return [Denied(first, first + size, reads, writes)]
        eighths = [first + index * size // 8 for index in range(8) if not attributes >> (8 + index) & 1]
        return [Denied(start, start + size // 8, reads, writes) for start in eighths]

    def _access(self, parts: Sequence[Denied], addr: int) -> tuple[bool, bool]:
        """Whether (reads, writes) are forbidden at an address."""
        here = [part for part in parts if part.first <= addr < part.end]
        if not here:
            background = bool(self._control & CTRL_PRIVDEFENA)
            return not background, not background
        if self._is_v8 and len(here) > 1:
            return True, True  # Armv8-M faults where regions overlap
        return here[-1].reads, here[-1].writes
