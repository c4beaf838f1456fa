"""What the system control space shows of a core and asks of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from utvm.virtual_board import system_control as scs
from utvm.virtual_board.engine import Engine
from utvm.virtual_board.exceptions import ExceptionModel
from utvm.virtual_board.nvic import FIRST_INTERRUPT

ACTIVE_BITS = {4: 0, 5: 1, 6: 3, 11: 7, 14: 10, 15: 11}  # of SHCSR, by exception number


class ExceptionState:
    """A system_control.CoreState over an engine and, once it is there, its exceptions."""

    exceptions: ExceptionModel

    def __init__(self, engine: Engine, settings_changed: Callable[[], None]) -> None:
        self._engine = engine
        self._settings_changed = settings_changed
        self.is_reset_requested = False

    def current_cycles(self) -> int:
        """Cycles up to the access that is being served."""
        return self._engine.cycles_at_access

    def exception_state(self) -> int:
        """VECTACTIVE, VECTPENDING and the pending bits of ICSR."""
        pending, active = self.exceptions.pending, self.exceptions.active
        state = active[-1] if active else 0
        state |= self.exceptions.most_urgent() << 12
        state |= scs.ICSR_RETTOBASE if len(active) == 1 and self.exceptions.is_mainline else 0
        state |= scs.ICSR_ISRPENDING if any(number >= FIRST_INTERRUPT for number in pending) else 0
        for number, bit in ((2, scs.ICSR_NMI), (14, scs.ICSR_SET_PENDSV), (15, scs.ICSR_SET_SYSTICK)):
            state |= bit if number in pending else 0
        return state

    def pend(self, number: int, pending: bool) -> None:
        """Set or clear an exception's pending bit."""
        (self.exceptions.pending.add if pending else self.exceptions.pending.discard)(number)

    def pending_interrupts(self) -> int:
        """One bit per pending interrupt of the chip."""
        return _interrupt_bits(self.exceptions.pending)

    def active_interrupts(self) -> int:
        """One bit per active interrupt of the chip."""
        return _interrupt_bits(self.exceptions.active)

    def active_bits(self) -> int:
        """The active bits of SHCSR."""
        return sum(1 << ACTIVE_BITS[number] for number in self.exceptions.active if number in ACTIVE_BITS)

    def request_reset(self) -> None:
        """AIRCR.SYSRESETREQ: the core is reset as soon as the writing instruction is done."""
        self.is_reset_requested = True

    def settings_changed(self) -> None:
        """Something that decides on traps, deadlines or masks was written."""
        self._settings_changed()


def _interrupt_bits(numbers: Iterable[int]) -> int:
    return sum(1 << number - FIRST_INTERRUPT for number in numbers if number >= FIRST_INTERRUPT)
