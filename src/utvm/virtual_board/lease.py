"""One debugger at a time: the doors of a virtual board share its core by taking turns."""

from __future__ import annotations

import threading
from collections.abc import Callable


class CoreLease:
    """The core belongs to the door whose client came first, until that client goes.

    A door that is given the core finds it halted: the door that had it before is asked to stop it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holder: str | None = None
        self._last: tuple[str, Callable[[], None]] | None = None

    def take(self, door: str, stop_core: Callable[[], None], *, wait_s: float = 0.0) -> bool:
        """Whether the door now has the core; `stop_core` is called when another door takes over later.

        Waits a little if told to: a client that has gone is noticed a moment later.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._holder is None, wait_s):
                return False
            if self._last is not None and self._last[0] != door:
                self._last[1]()
            self._holder, self._last = door, (door, stop_core)
            return True

    def give_back(self) -> None:
        """The client has gone. The core may still run."""
        with self._changed:
            self._holder = None
            self._changed.notify()
