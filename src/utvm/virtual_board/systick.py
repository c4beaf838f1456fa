"""SysTick: a 24-bit down-counter of processor cycles with its own exception."""

from __future__ import annotations

ENABLE, TICKINT, CLKSOURCE, COUNTFLAG = 1 << 0, 1 << 1, 1 << 2, 1 << 16
MASK = 0xFF_FFFF


class SysTick:
    """Computes its value from the cycle count, so nothing runs while nobody looks.

    While enabled the counter loses one a cycle from the value it had when it was started; the cycle after 0 it is RVR
    again, so a period is RVR + 1 cycles. Reaching 0 sets COUNTFLAG and asks for the exception. Both clock sources count
    processor cycles here.
    """

    def __init__(self) -> None:
        self.control = 0
        self.reload = 0
        self._start_value = 0  # the value at `_start_cycle`; while disabled, the value
        self._start_cycle = 0
        self._seen = 0  # wraps since the start that COUNTFLAG was told of

    @property
    def enabled(self) -> bool:
        """Whether the counter runs."""
        return bool(self.control & ENABLE)

    def value(self, cycles: int) -> int:
        """CVR at a cycle count."""
        elapsed = cycles - self._start_cycle if self.enabled else 0
        if elapsed <= self._start_value:
            return self._start_value - elapsed
        return self.reload - (elapsed - self._start_value - 1) % (self.reload + 1)

    def read_control(self, cycles: int) -> int:
        """CSR; reading clears COUNTFLAG."""
        wraps = self._wraps(cycles)
        flag = COUNTFLAG if wraps > self._seen else 0
        self._seen = wraps
        return self.control | flag

    def write_control(self, value: int, cycles: int) -> None:
        """CSR: ENABLE, TICKINT and CLKSOURCE are kept."""
        if bool(value & ENABLE) != self.enabled:
            self._restart(self.value(cycles), cycles)
        self.control = value & (ENABLE | TICKINT | CLKSOURCE)

    def write_reload(self, value: int, cycles: int) -> None:
        """RVR; the running count goes on to 0 first."""
        self._restart(self.value(cycles), cycles)
        self.reload = value & MASK

    def clear(self, cycles: int) -> None:
        """Any write to CVR clears it and COUNTFLAG; the next cycle reloads from RVR."""
        self._restart(0, cycles)

    def next_wrap(self, cycles: int) -> int | None:
        """The first cycle count after `cycles` at which the exception is due; None if it never is."""
        if not self.enabled or not self.control & TICKINT:
            return None
        first = self._start_cycle + self._start_value
        if cycles < first:
            return first
        if self.reload == 0:
            return None
        return first + (self.reload + 1) * ((cycles - first) // (self.reload + 1) + 1)

    def _restart(self, value: int, cycles: int) -> None:
        self._start_value, self._start_cycle, self._seen = value, cycles, 0

    def _wraps(self, cycles: int) -> int:
        elapsed = cycles - self._start_cycle - self._start_value
        if not self.enabled or elapsed < 0:
            return 0
        later = elapsed // (self.reload + 1) if self.reload else 0
        return later + (1 if self._start_value else 0)
