"""From a board and a word to an open transport."""

from __future__ import annotations

from utvm.boards import Board
from utvm.errors import UsageError
from utvm.transports.arena import ArenaTransport
from utvm.transports.base import Transport
from utvm.transports.gdb import GdbTransport
from utvm.transports.openocd import OpenOcdTransport
from utvm.transports.pyocd import PyOcdTransport
from utvm.transports.qemu import QemuTransport
from utvm.transports.virtual import DEFAULT_COUNTING, CycleCounting, VirtualBoardTransport

WAYS = ("virtual", "arena", "qemu", "gdb://HOST:PORT", "openocd://HOST:PORT", "pyocd", "pyocd://PROBE")


def open_transport(board: Board, via: str | None = None, counting: CycleCounting = DEFAULT_COUNTING) -> Transport:
    """Reach the board in the way that `via` names, one of WAYS; None takes the way of the board file.

    Raises UsageError for another word, for a way of `counting` cycles that only virtual boards know, and what opening
    that transport raises.
    """
    check_way(via)
    if via is None:
        via = board.hosted.comms
        if via in ("gdb", "openocd"):
            via = f"{via}://{board.hosted.server_addr}:{board.hosted.server_port}"
    if via == "virtual":
        return VirtualBoardTransport(board.reference, counting=counting)
    if counting != DEFAULT_COUNTING:
        raise UsageError(f"only virtual boards have a timing model, and {board.name} is reached by {via}")
    if via == "arena":
        return ArenaTransport(board)
    if via == "qemu":
        return QemuTransport(board)
    scheme, _, place = via.partition("://")
    if via == "pyocd" or (scheme == "pyocd" and place):
        return PyOcdTransport(place or None, board.hosted.pyocd_target)
    host, _, port = place.rpartition(":")
    return GdbTransport(host, int(port)) if scheme == "gdb" else OpenOcdTransport(host, int(port))


def check_way(via: str | None) -> None:
    """Raise UsageError unless the word is a way to a board, reachable or not; None is the way of the board file."""
    if via in (None, "virtual", "arena", "qemu", "pyocd"):
        return
    scheme, _, place = (via or "").partition("://")
    host, _, port = place.rpartition(":")
    is_server = scheme in ("gdb", "openocd") and host and port.isdigit() and 0 < int(port) < 1 << 16
    if not is_server and not (scheme == "pyocd" and place):
        raise UsageError(f"{via!r} is no way to a board; choose one of {', '.join(WAYS)}")
