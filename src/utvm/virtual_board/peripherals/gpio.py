"""A GPIO port: outputs read back, inputs show their pull resistors."""

from __future__ import annotations

from utvm.virtual_board.peripherals.registers import ALL, RegisterFile

MODER, PUPDR, IDR, ODR, BSRR, BRR = 0x00, 0x0C, 0x10, 0x14, 0x18, 0x28
OUTPUT, PULL_UP = 1, 1
PINS = 16


class Gpio:
    """One port. Nothing is connected to its pins."""

    def __init__(self, modes: int) -> None:
        self._modes = modes
        self._registers = RegisterFile()
        self.reset()

    def reset(self) -> None:
        """A system reset: all pins in their reset mode, low."""
        self._registers.reset()
        self._registers.write(MODER, self._modes)

    def read(self, offset: int) -> int:
        """A word register."""
        if offset == IDR:
            return self._levels()
        return 0 if offset in (BSRR, BRR) else self._registers.read(offset)

    def write(self, offset: int, value: int, mask: int = ALL) -> None:
        """A word register; BSRR and BRR change ODR, setting wins."""
        if offset in (BSRR, BRR):
            value &= mask
            to_set, to_clear = (value & 0xFFFF, value >> 16) if offset == BSRR else (0, value & 0xFFFF)
            self._registers.write(ODR, self._registers.read(ODR) & ~to_clear | to_set)
        elif offset != IDR:
            self._registers.write(offset, value, mask)

    def _levels(self) -> int:
        modes, pulls, output = (self._registers.read(offset) for offset in (MODER, PUPDR, ODR))
        levels = 0
        for pin in range(PINS):
            if modes >> 2 * pin & 3 == OUTPUT:
                levels |= output & 1 << pin
            elif pulls >> 2 * pin & 3 == PULL_UP:
                levels |= 1 << pin
        return levels
