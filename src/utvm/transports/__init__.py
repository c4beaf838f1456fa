"""Ways to a board: one class each, one contract (`base`)."""

from utvm.transports.arena import ArenaTransport
from utvm.transports.base import Capabilities, StopKind, StopReason, Transport
from utvm.transports.block_profile import BlockProfile
from utvm.transports.faults import decode_fault, device_fault
from utvm.transports.gdb import GdbTransport
from utvm.transports.opening import WAYS, open_transport
from utvm.transports.openocd import OpenOcdTransport
from utvm.transports.qemu import QemuTransport
from utvm.transports.virtual import CycleCounting, VirtualBoardProcess, VirtualBoardTransport

__all__ = [
    "WAYS",
    "ArenaTransport",
    "BlockProfile",
    "Capabilities",
    "CycleCounting",
    "GdbTransport",
    "OpenOcdTransport",
    "QemuTransport",
    "StopKind",
    "StopReason",
    "Transport",
    "VirtualBoardProcess",
    "VirtualBoardTransport",
    "decode_fault",
    "device_fault",
    "open_transport",
]
