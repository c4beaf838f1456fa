"""What OpenOCD's error replies mean, and what to try."""

from __future__ import annotations

from utvm.errors import TransportError
from utvm.transports.openocd_rpc import TclResult

# By a part of the text, first match wins; OpenOCD's texts are more telling than its codes.
_REMEDIES_BY_TEXT = {
    "invalid command name": "is OpenOCD 0.12 or later running, with a Cortex-M target configured?",
    "JTAG scan chain interrogation failed": "check power and wiring of the probe, or restart the virtual board",
    "Could not initialize the debug port": "check power and wiring of the probe, or restart the virtual board",
    "remote_bitbang": "the virtual board behind OpenOCD has ended; restart both",
    "Target not examined": "check power and wiring, then reset",
    "not halted": "reset the transport, which halts the core",
    "resource not available": "all hardware comparators are taken; clear a breakpoint",
    "STICKY ERROR": "is there memory on the board, and is its clock on?",
    "failed to read memory": "is there memory on the board, and is its clock on?",
    "failed to write memory": "is there memory on the board that can be written (flash is not), and is its clock on?",
    "couldn't open": "OpenOCD must run on this machine to reach the file",
}
_REMEDIES_BY_CODE = {
    -4: "it took too long; reset the transport",
    -100: "check the target's configuration",
    -107: "is there memory on the board?",
    -304: "reset the transport, which halts the core",
}
_FALLBACK = "look at OpenOCD's own messages"


def describe_failure(what: str, result: TclResult) -> TransportError:
    """The error for a command that failed; `what` names the attempt in the user's words, with its address."""
    text = " / ".join(line.strip() for line in result.text.splitlines() if line.strip()) or "no text"
    remedy = next((hint for part, hint in _REMEDIES_BY_TEXT.items() if part.lower() in text.lower()), None)
    if remedy is None:
        remedy = _REMEDIES_BY_CODE.get(result.code, _FALLBACK)
    return TransportError(f"{what} failed: OpenOCD says {text!r} (code {result.code}); {remedy}")
