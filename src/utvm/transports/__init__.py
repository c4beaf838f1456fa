"""Ways to a board: one class each, one contract (`base`)."""

from utvm.transports.arena import ArenaTransport
from utvm.transports.base import Capabilities, StopKind, StopReason, Transport
from utvm.transports.faults import decode_fault, device_fault
from utvm.transports.gdb import GdbTransport
from utvm.transports.virtual import VirtualBoardProcess, VirtualBoardTransport

__all__ = [
    "ArenaTransport",
    "Capabilities",
    "GdbTransport",
    "StopKind",
    "StopReason",
    "Transport",
    "VirtualBoardProcess",
    "VirtualBoardTransport",
    "decode_fault",
    "device_fault",
]
