"""OpenOCD's Tcl port: commands and replies that end in 0x1a, every wait with a time-out, every result checked."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass

from utvm.errors import TransportError, TransportTimeout

END = b"\x1a"
RECEIVE_BYTES = 1 << 18
MAX_REPLY_BYTES = 1 << 24
GREETING = "Open On-Chip Debugger"
_RESULT = re.compile(r"(-?\d+) (.*)", re.DOTALL)


@dataclass(frozen=True)
class TclResult:
    """What a command gave: Tcl's return code (0 is success, OpenOCD's own codes are negative) and its text."""

    code: int
    text: str

    @property
    def is_error(self) -> bool:
        """Whether the command failed."""
        return self.code != 0


class OpenOcdRpc:
    """An open connection to OpenOCD's Tcl port. `peer` names it in errors.

    After any TransportError that it raises itself the connection is out of step and `is_usable` is false; only `close`
    is left.
    """

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self.peer = f"{host}:{port}"
        self.is_usable = True
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout_s)
        except OSError as error:
            raise TransportError(
                f"no OpenOCD answers at {self.peer} ({error}); start it, or check the host and its `tcl_port`"
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            greeting = self._ask("version", timeout_s)
        except TransportError:
            self.close()
            raise
        if GREETING not in greeting:
            self.close()
            raise TransportError(
                f"{self.peer} answered {greeting[:60]!r}, which is not OpenOCD; "
                "use the port of its `tcl_port`, 6666 by default"
            )

    def close(self) -> None:
        """Close the socket."""
        self.is_usable = False
        self._socket.close()

    def run(self, command: str, timeout_s: float) -> TclResult:
        """Run a command. Its failure is a result; only a connection that broke, or nonsense, is an error."""
        # A failed command alone often replies with nothing, like one that succeeded.
        script = f"set utvm_code [catch {{{command}}} utvm_text]; format {{%d %s}} $utvm_code $utvm_text"
        reply = self._ask(script, timeout_s)
        match = _RESULT.fullmatch(reply)
        if match is None:
            raise self._broken(f"{self.peer} answered {reply[:60]!r} to {command[:60]!r}; is it OpenOCD?")
        return TclResult(int(match[1]), match[2])

    def _ask(self, script: str, timeout_s: float) -> str:
        if not self.is_usable:
            raise TransportError(
                f"the connection to {self.peer} broke or fell out of step; reset the transport to use it again"
            )
        deadline = time.monotonic() + timeout_s
        received = bytearray()
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(script.encode() + END)
            while not received.endswith(END):
                self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
                data = self._socket.recv(RECEIVE_BYTES)
                if not data:
                    raise self._broken(f"{self.peer} closed the connection; restart OpenOCD and reset the transport")
                received += data
                if len(received) > MAX_REPLY_BYTES or END in received[:-1]:
                    raise self._broken(f"{self.peer} sends what nobody asked for; is it OpenOCD's `tcl_port`?")
        except TimeoutError as error:
            said = f"only {bytes(received[:60])!r}, without its end" if received else "nothing"
            self.is_usable = False
            raise TransportTimeout(
                f"{self.peer} answered {said} within {timeout_s:g} s; check that it is OpenOCD's `tcl_port`, and that "
                "the board is powered, then reset the transport"
            ) from error
        except OSError as error:
            raise self._broken(
                f"the connection to {self.peer} is gone ({error}); restart OpenOCD and reset the transport"
            ) from error
        return received[:-1].decode("utf-8", "replace")

    def _broken(self, message: str) -> TransportError:
        self.is_usable = False
        return TransportError(message)
