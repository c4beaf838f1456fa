"""From the words after `--via` to an open transport."""

from __future__ import annotations

from urllib.parse import urlsplit

from utvm.boards import Board
from utvm.errors import UsageError
from utvm.transports import GdbTransport, Transport, VirtualBoardTransport

WAYS = ("virtual", "arena", "qemu", "gdb://HOST:PORT", "openocd://HOST:PORT")
_DEFAULT_PORTS = {"gdb": 3333, "openocd": 6666}


def open_transport(board: Board, via: str | None = None) -> Transport:
    """Connect to the board: by `via`, one of WAYS, or as its board file says.

    Raises UsageError for another word, TransportError or VirtualBoardError when nobody answers.
    """
    way, host, port = _parsed(board, via)
    if way == "virtual":
        return VirtualBoardTransport(board.reference)
    if way == "arena":
        from utvm.transports.arena import ArenaTransport

        return ArenaTransport(board)
    if way == "qemu":
        from utvm.transports.qemu import QemuTransport

        return QemuTransport(board)
    if way == "gdb":
        return GdbTransport(host, port)
    from utvm.transports.openocd import OpenOcdTransport

    return OpenOcdTransport(host, port)


def _parsed(board: Board, via: str | None) -> tuple[str, str, int]:
    hosted = board.hosted
    if via is None or via in ("gdb", "openocd"):
        way = hosted.comms if via is None else via
        return way, hosted.server_addr, hosted.server_port or _DEFAULT_PORTS.get(way, 0)
    if via in ("virtual", "arena", "qemu"):
        return via, "", 0
    place = urlsplit(via)
    try:
        port = place.port
    except ValueError:
        port = None
    if place.scheme not in _DEFAULT_PORTS or not place.hostname or place.path.strip("/"):
        raise UsageError(f"no way to a board is called {via!r}; choose one of {', '.join(WAYS)}")
    return place.scheme, place.hostname, port or _DEFAULT_PORTS[place.scheme]
