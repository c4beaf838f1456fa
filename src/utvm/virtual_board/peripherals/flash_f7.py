"""The flash controller of an STM32F74x (ST's RM0385, chapter 3): keys, sector erase, programming, status."""

from __future__ import annotations

from utvm.virtual_board.memory import Memory
from utvm.virtual_board.peripherals.description import Register
from utvm.virtual_board.peripherals.registers import ALL, RegisterFile

KEYR, SR, CR = 0x04, 0x0C, 0x10
KEYS = (0x4567_0123, 0xCDEF_89AB)
CR_PG, CR_SER, CR_MER, CR_STRT, CR_LOCK = 1 << 0, 1 << 1, 1 << 2, 1 << 16, 1 << 31
CR_KEPT = 0x0300_037F
SR_EOP, SR_PGSERR = 1 << 0, 1 << 7
SECTOR_BYTES = (0x8000, 0x8000, 0x8000, 0x8000, 0x2_0000, 0x4_0000, 0x4_0000, 0x4_0000)


class FlashF7:
    """Erases at once; whether stores program is asked by the machine."""

    def __init__(self, memory: Memory, flash_addr: int, registers: tuple[Register, ...]) -> None:
        self._memory, self._flash_addr = memory, flash_addr
        self._plain = RegisterFile(registers)
        self.reset()

    def reset(self) -> None:
        """A system reset: the flash is locked."""
        self._plain.reset()
        self._control, self._status, self._keys_seen = CR_LOCK, 0, 0

    @property
    def programs_flash(self) -> bool:
        """Whether a store into flash now programs it: unlocked, and PG set."""
        return bool(self._control & CR_PG) and not self._control & CR_LOCK

    def read(self, offset: int) -> int:
        """A word register."""
        special = {KEYR: 0, SR: self._status, CR: self._control}
        return special[offset] if offset in special else self._plain.read(offset)

    def write(self, offset: int, value: int, mask: int = ALL) -> None:
        """A word register."""
        if offset == KEYR:
            self._try_key(value)
        elif offset == SR:
            self._status &= ~(value & mask)
        elif offset == CR:
            self._write_control(self._control & ~mask | value & mask)
        else:
            self._plain.write(offset, value, mask)

    def _try_key(self, key: int) -> None:
        """Two keys in order unlock; anything else locks until the next reset."""
        if self._keys_seen < len(KEYS) and key == KEYS[self._keys_seen]:
            self._keys_seen += 1
            if self._keys_seen == len(KEYS):
                self._control &= ~CR_LOCK
        else:
            self._control |= CR_LOCK
            self._keys_seen = len(KEYS) + 1

    def _write_control(self, value: int) -> None:
        if self._control & CR_LOCK:
            return
        self._control = value & CR_KEPT
        if value & CR_STRT:
            self._erase()
        if value & CR_LOCK:
            self._control |= CR_LOCK
            self._keys_seen = 0

    def _erase(self) -> None:
        """What SER or MER say; done at once."""
        sector = self._control >> 3 & 0xF
        if self._control & CR_MER:
            self._memory.write(self._flash_addr, b"\xff" * sum(SECTOR_BYTES))
        elif self._control & CR_SER and sector < len(SECTOR_BYTES):
            self._memory.write(self._flash_addr + sum(SECTOR_BYTES[:sector]), b"\xff" * SECTOR_BYTES[sector])
        else:
            self._status |= SR_PGSERR
            return
        self._status |= SR_EOP
