"""Where the firmware's output goes: what it prints by semihosting and through its virtual COM port."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LONGEST_LINE_BYTES = 256
Sink = Callable[[bytes], None]


def standard_error(data: bytes) -> None:
    """The sink of a board that serves debuggers: its standard output belongs to the ports it announces."""
    os.write(sys.stderr.fileno(), data)


class Console:
    """Gathers bytes into lines and hands them to a sink, which is called on the thread that runs the core."""

    def __init__(self, sink: Sink = standard_error) -> None:
        self._sink = sink
        self._line = bytearray()
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Take output; complete and very long lines leave at once."""
        with self._lock:
            self._line += data
            is_complete = b"\n" in data or len(self._line) >= LONGEST_LINE_BYTES
        if is_complete:
            self.flush()

    def flush(self) -> None:
        """Hand over what has gathered."""
        with self._lock:
            line, self._line = bytes(self._line), bytearray()
        if line:
            self._sink(line)

    @contextmanager
    def redirected(self, sink: Sink) -> Iterator[None]:
        """While this is open, output goes elsewhere."""
        self.flush()
        before, self._sink = self._sink, sink
        try:
            yield
        finally:
            self.flush()
            self._sink = before
