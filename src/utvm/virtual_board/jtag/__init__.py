"""The JTAG door: a scan chain with an Arm debug port, as OpenOCD knows it from real chips."""

from utvm.virtual_board.jtag.door import JtagDoor
from utvm.virtual_board.jtag.server import JtagServer

__all__ = ["JtagDoor", "JtagServer"]
