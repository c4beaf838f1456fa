"""A chip's registers by address: which device has them, and how accesses of other sizes reach its words."""

from __future__ import annotations

from utvm.boards import Board
from utvm.virtual_board.console import Console
from utvm.virtual_board.memory import Memory
from utvm.virtual_board.peripherals.description import PERIPHERAL_BYTES, ChipDescription, Peripheral, describe
from utvm.virtual_board.peripherals.flash_f7 import FlashF7
from utvm.virtual_board.peripherals.gpio import Gpio
from utvm.virtual_board.peripherals.registers import ALL, Device, RegisterFile
from utvm.virtual_board.peripherals.uart import Uart

CORE_PERIPHERALS_ADDR = 0xE000_0000  # from here on the core's own bus, which is mapped anyway
INTERRUPTS = {"cortex-m0": 32, "cortex-m0plus": 32}
MOST_INTERRUPTS = 240


class Chip:
    """A chip's registers. Accesses are aligned and of one, two, four or eight bytes."""

    def __init__(self, devices: dict[int, Device], constants: dict[int, int], interrupts: int) -> None:
        self._devices, self._constants = devices, constants
        self._flash = next((device for device in devices.values() if isinstance(device, FlashF7)), None)
        self._constant_windows = {addr & -PERIPHERAL_BYTES for addr in constants} - set(devices)
        self.interrupts = interrupts

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """(base address, size in bytes) of the ranges that belong to this chip, outside the core's own bus."""
        bases = sorted({*self._devices, *self._constant_windows})
        return tuple((base, PERIPHERAL_BYTES) for base in bases if base < CORE_PERIPHERALS_ADDR)

    @property
    def programs_flash(self) -> bool:
        """Whether a store into flash now programs it."""
        return self._flash is not None and self._flash.programs_flash

    def owns(self, addr: int) -> bool:
        """Whether there is a register of this chip."""
        base = addr & -PERIPHERAL_BYTES
        return base in self._devices or base in self._constant_windows

    def read(self, addr: int, size_bytes: int) -> int:
        """A register's value."""
        word = self._read_word(addr & ~3)
        if size_bytes == 8:
            word |= self._read_word(addr + 4) << 32
        return word >> 8 * (addr & 3) & (1 << 8 * size_bytes) - 1

    def write(self, addr: int, size_bytes: int, value: int) -> None:
        """Store into a register; constants ignore it."""
        if size_bytes == 8:
            self.write(addr, 4, value & ALL)
            self.write(addr + 4, 4, value >> 32)
            return
        device = self._devices.get(addr & -PERIPHERAL_BYTES)
        if device is not None and addr & ~3 not in self._constants:
            shift, mask = 8 * (addr & 3), (1 << 8 * size_bytes) - 1
            device.write(addr & PERIPHERAL_BYTES - 4, (value & mask) << shift, mask << shift)

    def reset(self) -> None:
        """A system reset."""
        for device in self._devices.values():
            device.reset()

    def _read_word(self, addr: int) -> int:
        if addr in self._constants:
            return self._constants[addr]
        device = self._devices.get(addr & -PERIPHERAL_BYTES)
        return 0 if device is None else device.read(addr & PERIPHERAL_BYTES - 4)


def chip_of(board: Board, memory: Memory, console: Console) -> Chip:
    """The registers of a board's chip; none where its peripherals are not known, so that accesses to them fault."""
    described = describe(board.chip)
    if described is None:
        return Chip({}, {}, INTERRUPTS.get(board.core.name, MOST_INTERRUPTS))
    flash_addr = min((region.base_addr for region in board.regions if region.kind == "flash"), default=0)
    devices: dict[int, Device] = {}
    for index in range(described.ports.count):
        modes = described.ports.modes
        devices[described.ports.base_addr + index * PERIPHERAL_BYTES] = Gpio(
            modes[index] if index < len(modes) else described.ports.other_modes
        )
    for peripheral in described.peripherals:
        devices[peripheral.base_addr] = _device(peripheral, described, memory, flash_addr, console)
    constants = {constant.addr: constant.value for constant in described.constants}
    return Chip(devices, constants, described.interrupts)


def _device(peripheral: Peripheral, chip: ChipDescription, memory: Memory, flash_addr: int, console: Console) -> Device:
    if peripheral.kind == "uart":
        return Uart(console.write if peripheral.name == chip.console else None)
    if peripheral.kind == "flash-f7":
        return FlashF7(memory, flash_addr, peripheral.registers)
    return RegisterFile(peripheral.registers)
