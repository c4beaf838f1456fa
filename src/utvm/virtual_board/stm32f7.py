"""The STM32F74x registers that a debugger and its flash algorithm use (ST's RM0385, chapters 3, 5 and 40).

Clocks are registers that keep what is written, with the ready flags that follow: time is the timing model's.
"""

from __future__ import annotations

from collections.abc import Callable

from utvm.boards import Board
from utvm.virtual_board.memory import Memory

RCC_ADDR, FLASH_ADDR, RCC_AND_FLASH_BYTES = 0x4002_3800, 0x4002_3C00, 0x800
SYSTEM_MEMORY_ADDR, SYSTEM_MEMORY_BYTES = 0x1FF0_F400, 0x400
UNIQUE_ID_ADDR, FLASH_SIZE_ADDR = 0x1FF0_F420, 0x1FF0_F440
DBGMCU_ADDR, DBGMCU_BYTES = 0xE004_2000, 0x10
DEVICE_ID = 0x1001_6449  # revision Z

RCC_CR, RCC_CFGR = RCC_ADDR, RCC_ADDR + 0x08
RCC_CR_RESET = 0x83
RCC_READY = {0: 1, 16: 17, 24: 25, 26: 27, 28: 29}  # ON bit: its RDY bit

KEYR, SR, CR, OPTCR, OPTCR1 = (FLASH_ADDR + offset for offset in (0x04, 0x0C, 0x10, 0x14, 0x18))
KEYS = (0x4567_0123, 0xCDEF_89AB)
CR_PG, CR_SER, CR_MER, CR_STRT, CR_LOCK = 1 << 0, 1 << 1, 1 << 2, 1 << 16, 1 << 31
CR_KEPT = 0x0300_037F
SR_EOP, SR_PGSERR = 1 << 0, 1 << 7
OPTCR_RESET, OPTCR1_RESET = 0xC0FF_AAFD, 0x0040_0080
SECTOR_BYTES = (0x8000, 0x8000, 0x8000, 0x8000, 0x2_0000, 0x4_0000, 0x4_0000, 0x4_0000)


class Stm32F7Registers:
    """Flash controller, clock control, debug identity and system memory."""

    windows = ((RCC_ADDR, RCC_AND_FLASH_BYTES), (SYSTEM_MEMORY_ADDR, SYSTEM_MEMORY_BYTES))

    def __init__(self, board: Board, memory: Memory) -> None:
        self._memory = memory
        self._flash_addr = next(region.base_addr for region in board.regions if region.kind == "flash")
        flash_bytes = sum(region.size_bytes for region in board.regions if region.kind == "flash")
        self._constants = {
            DBGMCU_ADDR: DEVICE_ID,
            FLASH_SIZE_ADDR: (flash_bytes // 1024) << 16,
            **{UNIQUE_ID_ADDR + 4 * i: word for i, word in enumerate((0x0040_0021, 0x3138_510A, 0x3635_3832))},
        }
        self._debug = {DBGMCU_ADDR + offset: 0 for offset in (4, 8, 12)}  # survive a system reset
        self.reset()

    def reset(self) -> None:
        """A system reset: the flash is locked, the clock is the internal one."""
        self._kept = {RCC_CR: RCC_CR_RESET, OPTCR: OPTCR_RESET, OPTCR1: OPTCR1_RESET}
        self._control, self._status, self._keys_seen = CR_LOCK, 0, 0

    @property
    def programs_flash(self) -> bool:
        """Whether a store into flash now programs it: unlocked, and PG set."""
        return bool(self._control & CR_PG) and not self._control & CR_LOCK

    def owns(self, addr: int) -> bool:
        """Whether there is a register of this chip."""
        return any(base <= addr < base + size for base, size in (*self.windows, (DBGMCU_ADDR, DBGMCU_BYTES)))

    def read(self, addr: int, size_bytes: int) -> int:
        """A register's value; zero for those not modelled."""
        word = self._read_word(addr & ~3)
        if size_bytes == 8:
            word |= self._read_word(addr + 4) << 32
        return word >> 8 * (addr & 3) & (1 << 8 * size_bytes) - 1

    def write(self, addr: int, size_bytes: int, value: int) -> None:
        """Store into a register; bytes and halfwords keep the rest of the word."""
        if size_bytes == 8:
            self._write_word(addr, value & 0xFFFF_FFFF)
            self._write_word(addr + 4, value >> 32)
            return
        shift, mask = 8 * (addr & 3), (1 << 8 * size_bytes) - 1
        word = 0 if addr & ~3 == SR or size_bytes == 4 else self._read_word(addr & ~3)
        self._write_word(addr & ~3, word & ~(mask << shift) | (value & mask) << shift)

    def _read_word(self, addr: int) -> int:
        computed: dict[int, Callable[[], int]] = {
            CR: lambda: self._control,
            SR: lambda: self._status,
            KEYR: lambda: 0,
            RCC_CR: self._clock_control,
            RCC_CFGR: lambda: self._kept.get(RCC_CFGR, 0) & ~0xC | (self._kept.get(RCC_CFGR, 0) & 3) << 2,
        }
        if addr in computed:
            return computed[addr]()
        return self._constants.get(addr, self._debug.get(addr, self._kept.get(addr, 0)))

    def _clock_control(self) -> int:
        value = self._kept[RCC_CR]
        for on, ready in RCC_READY.items():
            value = value & ~(1 << ready) | (value >> on & 1) << ready
        return value

    def _write_word(self, addr: int, value: int) -> None:
        if addr == KEYR:
            self._try_key(value)
        elif addr == SR:
            self._status &= ~value
        elif addr == CR:
            self._write_control(value)
        elif addr in self._debug:
            self._debug[addr] = value
        elif addr not in self._constants and addr & ~0x7FF == RCC_ADDR:
            self._kept[addr] = value

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
