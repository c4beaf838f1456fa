"""The nested vectored interrupt controller: which interrupts of the chip are enabled, and how urgent they are.

Offsets are from 0xE0000000. What is pending or active belongs to the core; this only shows and changes it.
"""

from __future__ import annotations

from typing import Protocol

ICTR, STIR = 0xE004, 0xEF00
ISER, ICER, ISPR, ICPR, IABR, IPR = 0xE100, 0xE180, 0xE200, 0xE280, 0xE300, 0xE400
BANK_BYTES = 0x40  # of one bit per interrupt: sixteen words
FIRST_INTERRUPT = 16  # exception number of interrupt 0
MOST_INTERRUPTS = 480


class InterruptState(Protocol):
    """What is pending and active in the core, by exception number."""

    def pend(self, number: int, pending: bool) -> None:
        """Set or clear an exception's pending bit."""

    def pending_interrupts(self) -> int:
        """One bit per pending interrupt of the chip."""

    def active_interrupts(self) -> int:
        """One bit per active interrupt of the chip."""


class Nvic:
    """Registers for `count` interrupts; `priority_bits` of each priority byte exist, from the top."""

    def __init__(self, count: int, priority_bits: int, state: InterruptState) -> None:
        self._count, self._state = count, state
        self._priority_mask = 0xFF << (8 - priority_bits) & 0xFF
        self._enabled = 0
        self._priorities = bytearray(count)

    def is_enabled(self, number: int) -> bool:
        """Whether the exception of this number, 16 or more, may be taken."""
        return bool(self._enabled >> (number - FIRST_INTERRUPT) & 1)

    def priority(self, number: int) -> int:
        """The priority byte of an exception from 16."""
        return self._priorities[number - FIRST_INTERRUPT]

    def contains(self, offset: int) -> bool:
        """Whether a word register is of this unit."""
        return offset in (ICTR, STIR) or ISER <= offset < IPR + MOST_INTERRUPTS

    def read(self, offset: int) -> int:
        """A word register."""
        if offset == ICTR:
            return (self._count - 1) // 32
        if offset >= IPR:
            return int.from_bytes(self._priorities[offset - IPR : offset - IPR + 4], "little")
        bank, index = self._bank(offset)
        bits = {
            ISER: lambda: self._enabled,
            ICER: lambda: self._enabled,
            ISPR: self._state.pending_interrupts,
            ICPR: self._state.pending_interrupts,
            IABR: self._state.active_interrupts,
        }
        return bits[bank]() >> 32 * index & 0xFFFF_FFFF if bank in bits else 0

    def write(self, offset: int, value: int) -> None:
        """A word register. Bits of interrupts that do not exist stay zero."""
        if offset == STIR:
            self._pend(1 << (value & 0x1FF), True)
        elif IPR <= offset < STIR:
            for place, byte in enumerate(value.to_bytes(4, "little"), offset - IPR):
                if place < self._count:
                    self._priorities[place] = byte & self._priority_mask
        elif offset != ICTR:
            bank, index = self._bank(offset)
            bits = value << 32 * index & (1 << self._count) - 1
            if bank == ISER:
                self._enabled |= bits
            elif bank == ICER:
                self._enabled &= ~bits
            elif bank in (ISPR, ICPR):
                self._pend(bits, bank == ISPR)

    def _pend(self, bits: int, pending: bool) -> None:
        for index in range(self._count):
            if bits >> index & 1:
                self._state.pend(FIRST_INTERRUPT + index, pending)

    @staticmethod
    def _bank(offset: int) -> tuple[int, int]:
        """The first register of the bank, and which word of it."""
        first = ISER + (offset - ISER) // (2 * BANK_BYTES) * 2 * BANK_BYTES
        index = (offset - first) // 4
        return first, index
