"""Registers of a chip outside its core, from tables: what start-up code, debuggers and consoles need, and no more."""

from utvm.virtual_board.peripherals.chip import Chip, chip_of
from utvm.virtual_board.peripherals.description import ChipDescription, describe

__all__ = ["Chip", "ChipDescription", "chip_of", "describe"]
