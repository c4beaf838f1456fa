"""Registers of a chip outside its core: what debuggers and flash algorithms need, and no more."""

from __future__ import annotations

from typing import Protocol

from utvm.boards import Board
from utvm.virtual_board.memory import Memory


class ChipRegisters(Protocol):
    """A chip's registers by address. Accesses are aligned and of one, two, four or eight bytes."""

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """(base address, size in bytes) of the ranges that belong to this chip, outside the core's own bus."""

    @property
    def programs_flash(self) -> bool:
        """Whether a store into flash now programs it."""

    def owns(self, addr: int) -> bool:
        """Whether there is a register of this chip."""

    def read(self, addr: int, size_bytes: int) -> int:
        """A register's value."""

    def write(self, addr: int, size_bytes: int, value: int) -> None:
        """Store into a register."""

    def reset(self) -> None:
        """A system reset."""


class NoRegisters:
    """A chip whose peripherals are not modelled: accesses to them fault."""

    windows: tuple[tuple[int, int], ...] = ()
    programs_flash = False

    def owns(self, addr: int) -> bool:  # noqa: ARG002
        """There is none."""
        return False

    def read(self, addr: int, size_bytes: int) -> int:  # noqa: ARG002
        """Never called."""
        return 0

    def write(self, addr: int, size_bytes: int, value: int) -> None:
        """Never called."""

    def reset(self) -> None:
        """Nothing to reset."""


def chip_of(board: Board, memory: Memory) -> ChipRegisters:
    """The registers of a board's chip."""
    if board.chip.startswith(("STM32F74", "STM32F75")):
        from utvm.virtual_board.stm32f7 import Stm32F7Registers

        return Stm32F7Registers(board, memory)
    return NoRegisters()
