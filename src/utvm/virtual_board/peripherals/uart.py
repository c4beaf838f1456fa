"""A USART or LPUART of ST's second generation (RM0385, chapter 31): it transmits at once, and receives nothing."""

from __future__ import annotations

from collections.abc import Callable

from utvm.virtual_board.peripherals.registers import ALL, RegisterFile

CR1, ISR, ICR, RQR, TDR = 0x00, 0x1C, 0x20, 0x18, 0x28
CR1_UE, CR1_RE, CR1_TE = 1 << 0, 1 << 2, 1 << 3
ISR_TC, ISR_TXE, ISR_TEACK, ISR_REACK = 1 << 6, 1 << 7, 1 << 21, 1 << 22


class Uart:
    """What is transmitted goes to `transmit`, one byte at a time; None drops it."""

    def __init__(self, transmit: Callable[[bytes], None] | None = None) -> None:
        self._transmit = transmit
        self._registers = RegisterFile()

    def reset(self) -> None:
        """A system reset: disabled."""
        self._registers.reset()

    def read(self, offset: int) -> int:
        """A word register; the transmitter is always ready."""
        if offset == ISR:
            control = self._registers.read(CR1)
            status = ISR_TXE | ISR_TC
            if control & CR1_UE:
                status |= ISR_TEACK if control & CR1_TE else 0
                status |= ISR_REACK if control & CR1_RE else 0
            return status
        return 0 if offset in (ICR, RQR, TDR) else self._registers.read(offset)

    def write(self, offset: int, value: int, mask: int = ALL) -> None:
        """A word register. Nothing is transmitted while UE or TE is off."""
        if offset == TDR:
            control = self._registers.read(CR1)
            if self._transmit is not None and control & CR1_UE and control & CR1_TE:
                self._transmit(bytes([value & 0xFF]))
        elif offset not in (ISR, ICR, RQR):
            self._registers.write(offset, value, mask)
