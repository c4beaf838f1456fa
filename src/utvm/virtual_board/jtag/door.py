"""What a debug port reaches on a board: memory, the private peripheral bus, and the chip's own registers."""

from __future__ import annotations

from utvm.virtual_board.engine import PERIPHERAL_BUS_ADDR
from utvm.virtual_board.jtag.chain import scan_chain
from utvm.virtual_board.jtag.debug_registers import DebugRegisters
from utvm.virtual_board.jtag.port import DebugPort
from utvm.virtual_board.machine import Machine
from utvm.virtual_board.memory import MemoryFault


class JtagDoor:
    """Joins a debug port to a machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._flash_changed = False
        self.registers = DebugRegisters(machine, self._prepare)
        self.port = DebugPort(
            machine.engine, machine.memory, scan_chain(machine.board), self._access, self._set_reset_pin
        )

    def _prepare(self) -> None:
        if self._flash_changed and not self._machine.chip.programs_flash:
            self._flash_changed = False
            self.port.note_code_change()
        self.port.forget_stale_code()

    def _set_reset_pin(self, is_asserted: bool) -> None:
        if is_asserted:
            self.registers.halt()
        else:
            self.registers.reset()

    def _access(self, addr: int, size_bytes: int, value: int | None) -> int | None:
        """What the debug port cannot do itself: registers, flash, and addresses where there is nothing."""
        try:
            if value is None:
                return self._load(addr, size_bytes)
            return 0 if self._store(addr, size_bytes, value) else None
        except MemoryFault:
            return None

    def _load(self, addr: int, size_bytes: int) -> int:
        word = self.registers.read((addr & ~3) - PERIPHERAL_BUS_ADDR)
        if word is None:
            return int.from_bytes(self._machine.read_memory(addr, size_bytes), "little")
        return word >> 8 * (addr & 3) & (1 << 8 * size_bytes) - 1

    def _store(self, addr: int, size_bytes: int, value: int) -> bool:
        machine = self._machine
        data = value.to_bytes(size_bytes, "little")
        if size_bytes == 4 and self.registers.write(addr - PERIPHERAL_BUS_ADDR, value):
            return True
        if machine.is_register(addr):
            with self.registers.paused():
                machine.write_memory(addr, data)
            self._flash_changed |= machine.chip.owns(addr)
            return True
        if not machine.chip.programs_flash:
            return False
        before = machine.read_memory(addr, size_bytes)
        with self.registers.paused():  # programming only clears bits
            machine.write_memory(addr, bytes(old & new for old, new in zip(before, data, strict=True)))
        return True
