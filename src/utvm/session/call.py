"""The handle of one call: its cycles, status and returned value, as soon as it has run."""

from __future__ import annotations

from collections.abc import Callable

from utvm.errors import UsageError


class Call:
    """A call of a kernel. Asking for its outcome runs what is queued, this call included."""

    def __init__(self, name: str, repeat: int, flush: Callable[[], None]) -> None:
        self.name = name
        self.repeat = repeat
        self._flush = flush
        self._cycles: int | None = None
        self._status = 0
        self._returned: int | float | None = None
        self._dropped = ""

    @property
    def cycles(self) -> int:
        """Core clock cycles of all repetitions together."""
        self._settle()
        assert self._cycles is not None  # _settle raises otherwise
        return self._cycles

    @property
    def status(self) -> int:
        """What the kernel returned; 0 is success."""
        self._settle()
        return self._status

    @property
    def result(self) -> int | float | None:
        """The value of a function that returns one; None for void and for a status."""
        self._settle()
        return self._returned

    @property
    def done(self) -> bool:
        """Whether it has run; asking does not run it."""
        return self._cycles is not None

    def complete(self, cycles: int, status: int, returned: int | float | None) -> None:
        """The session tells how it ended."""
        self._cycles, self._status, self._returned = cycles, status, returned

    def drop(self, reason: str) -> None:
        """The session tells why it never ran to its end."""
        self._dropped = reason

    def _settle(self) -> None:
        if self._cycles is None and not self._dropped:
            self._flush()
        if self._cycles is None:
            raise UsageError(f"the call of {self.name} has no outcome: {self._dropped or 'it was not run'}")
