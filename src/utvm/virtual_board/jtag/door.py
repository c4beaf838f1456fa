"""What a debug port reaches on a board: memory, the private peripheral bus, and the chip's own registers."""

from __future__ import annotations

from utvm.virtual_board.engine import PERIPHERAL_BUS_ADDR, PERIPHERAL_BUS_BYTES
from utvm.virtual_board.jtag.chain import scan_chain
from utvm.virtual_board.jtag.debug_registers import DebugRegisters
from utvm.virtual_board.jtag.port import DebugPort
from utvm.virtual_board.machine import Machine
from utvm.virtual_board.memory import MemoryFault


class JtagDoor:
    """Joins a debug port to a machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.registers = DebugRegisters(machine, self._prepare)
        self.port = DebugPort(
            machine.engine, machine.memory, scan_chain(machine.board), self._access, self._set_reset_pin
        )

    def _prepare(self) -> None:
        self.port.forget_stale_code()

    def _set_reset_pin(self, is_asserted: bool) -> None:
        if is_asserted:
            self.registers.halt()
        else:
            self.registers.reset()

    def _access(self, addr: int, size_bytes: int, value: int | None) -> int | None:
        try:
            if 0 <= addr - PERIPHERAL_BUS_ADDR < PERIPHERAL_BUS_BYTES:
                return self._access_core(addr - PERIPHERAL_BUS_ADDR, size_bytes, value)
            if value is None:
                return int.from_bytes(self._machine.read_memory(addr, size_bytes), "little")
        except MemoryFault:
            pass
        return None

    def _access_core(self, offset: int, size_bytes: int, value: int | None) -> int:
        if value is None:
            word = self.registers.read(offset & ~3)
            if word is None:
                return self._machine.control.read(offset, size_bytes)
            return word >> 8 * (offset & 3) & (1 << 8 * size_bytes) - 1
        if size_bytes == 4 and self.registers.write(offset, value):
            return 0
        with self.registers.paused():
            self._machine.write_memory(PERIPHERAL_BUS_ADDR + offset, value.to_bytes(size_bytes, "little"))
        return 0
