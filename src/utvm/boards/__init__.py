"""Boards as data: schema, checks and the files themselves."""

from utvm.boards.loader import board_names, load_board
from utvm.boards.schema import Board, Core, Placement, Qemu, Region, Toolchain

__all__ = ["Board", "Core", "Placement", "Qemu", "Region", "Toolchain", "board_names", "load_board"]
