"""What a debugger finds on a chip's scan chain."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.boards import Board
from utvm.virtual_board.engine import PERIPHERAL_BUS_ADDR
from utvm.virtual_board.jtag.identification import ROM_TABLE, has_rom_table

ARM_JTAG_DP = {"cortex-m7": 0x5BA0_0477, "cortex-m33": 0x0BA0_4477}
NO_ROM_TABLE, ROM_TABLE_PRESENT = 0xFFFF_FFFF, 0b11
AHB_AP = {"cortex-m7": 0x7477_0001, "cortex-m33": 0x8477_0001}


@dataclass(frozen=True)
class ScanChain:
    """Identity codes of the two TAPs, and of the access port; `boundary_idcode` 0 means that there is no second TAP.

    `rom_table_base` is what the access port's BASE register says.
    """

    cpu_idcode: int
    boundary_idcode: int
    access_port_idr: int
    rom_table_base: int


# Boundary scan TAPs, by the start of the chip's name. ST's reference manuals, chapter "Debug support".
BOUNDARY_IDCODES = {"STM32F74": 0x0644_9041, "STM32F75": 0x0644_9041, "STM32L4R": 0x0647_0041}


def scan_chain(board: Board) -> ScanChain:
    """The chain of a board. A chip that is not in the table has the debug port of its core, and nothing else."""
    boundary = next((code for chip, code in BOUNDARY_IDCODES.items() if board.chip.startswith(chip)), 0)
    core = board.core.name
    table = PERIPHERAL_BUS_ADDR + ROM_TABLE | ROM_TABLE_PRESENT if has_rom_table(core) else NO_ROM_TABLE
    return ScanChain(ARM_JTAG_DP.get(core, 0x4BA0_0477), boundary, AHB_AP.get(core, 0x2477_0011), table)
