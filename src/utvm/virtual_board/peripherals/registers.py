"""Registers that keep what is written, with status bits that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from utvm.virtual_board.peripherals.description import Register

ALL = 0xFFFF_FFFF


class Device(Protocol):
    """The word registers of one peripheral, by offset."""

    def read(self, offset: int) -> int:
        """A word."""

    def write(self, offset: int, value: int, mask: int = ALL) -> None:
        """Store the bits of `mask`: a byte, a halfword or the whole word."""

    def reset(self) -> None:
        """A system reset."""


class RegisterFile:
    """Plain registers. Time is the timing model's: a clock is ready as soon as it is switched on."""

    def __init__(self, registers: Sequence[Register] = ()) -> None:
        self._described = {register.offset: register for register in registers}
        self._offsets = {register.name: register.offset for register in registers}
        self._values: dict[int, int] = {}
        self.reset()

    def reset(self) -> None:
        """The values after a system reset."""
        self._values = {offset: register.reset for offset, register in self._described.items()}

    def read(self, offset: int) -> int:
        """What was written, but for bits that are fixed or follow others."""
        value = self._values.get(offset, 0)
        register = self._described.get(offset)
        if register is None:
            return value
        for follow in register.follows:
            source = value if follow.source is None else self._values[self._offsets[follow.source]]
            field = (1 << follow.width) - 1
            value = value & ~(field << follow.bit) | (source >> follow.of & field) << follow.bit
        return (value | register.ones) & ~register.zeros & ALL

    def write(self, offset: int, value: int, mask: int = ALL) -> None:
        """Keep it."""
        self._values[offset] = self._values.get(offset, 0) & ~mask | value & mask
