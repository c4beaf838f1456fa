"""The private peripheral bus: system control block, SysTick, DWT and the core's debug registers.

Offsets are from 0xE0000000. What is not implemented reads as zero and ignores writes, as on the core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from utvm.boards import Core
from utvm.virtual_board import nvic
from utvm.virtual_board.mpu import Mpu
from utvm.virtual_board.nvic import Nvic
from utvm.virtual_board.systick import SysTick

DWT_CTRL, DWT_CYCCNT = 0x1000, 0x1004
SYST_CSR, SYST_RVR, SYST_CVR, SYST_CALIB = 0xE010, 0xE014, 0xE018, 0xE01C
CPUID, ICSR, VTOR, AIRCR, SCR, CCR = 0xED00, 0xED04, 0xED08, 0xED0C, 0xED10, 0xED14
SHPR1, SHPR3, SHCSR, CFSR, HFSR, DFSR, MMFAR, BFAR = 0xED18, 0xED20, 0xED24, 0xED28, 0xED2C, 0xED30, 0xED34, 0xED38
CPACR, DHCSR, DEMCR = 0xED88, 0xEDF0, 0xEDFC
FPCCR, FPCAR, FPDSCR, MVFR0, MVFR1, MVFR2 = 0xEF34, 0xEF38, 0xEF3C, 0xEF40, 0xEF44, 0xEF48

AIRCR_KEY, AIRCR_READ_KEY, AIRCR_SYSRESETREQ, AIRCR_PRIGROUP = 0x05FA_0000, 0xFA05_0000, 1 << 2, 7 << 8
CCR_DIV_0_TRP, CCR_STKALIGN = 1 << 4, 1 << 9
CPACR_FPU = 0xF << 20
DEMCR_TRCENA, DEMCR_VECTOR_CATCH = 1 << 24, 0x7F1
DWT_CYCCNTENA, DWT_NOCYCCNT, DWT_COMPARATORS = 1 << 0, 1 << 25, 4 << 28
DHCSR_DEBUGEN, DHCSR_HALT, DHCSR_REGRDY, DHCSR_LOCKUP = 1 << 0, 1 << 17, 1 << 16, 1 << 19
ICSR_NMI, ICSR_SET_PENDSV, ICSR_CLEAR_PENDSV, ICSR_SET_SYSTICK, ICSR_CLEAR_SYSTICK = (
    1 << 31,
    1 << 28,
    1 << 27,
    1 << 26,
    1 << 25,
)

ICSR_ISRPENDING, ICSR_RETTOBASE = 1 << 22, 1 << 11

CPUIDS = {
    "cortex-m0": 0x410C_C200,
    "cortex-m0plus": 0x410C_C601,
    "cortex-m3": 0x412F_C231,
    "cortex-m4": 0x410F_C241,
    "cortex-m7": 0x411F_C271,
    "cortex-m33": 0x410F_D213,
}
MEDIA_FEATURES = {  # MVFR0, MVFR1, MVFR2
    "fpv4-sp-d16": (0x1011_0021, 0x1100_0011, 0x0000_0000),
    "fpv5-sp-d16": (0x1011_0021, 0x1100_0011, 0x0000_0040),
    "fpv5-d16": (0x1011_0221, 0x1200_0011, 0x0000_0040),
}
# Registers that only keep what is written: the mask of their writable bits.
_PLAIN = {SCR: 0x1E, SHCSR: 0x7_0000, MMFAR: ~0, BFAR: ~0, FPCCR: ~0, FPCAR: ~7, FPDSCR: 0x07C0_0000}


class CoreState(Protocol):
    """What the registers show of the core and ask of it."""

    def current_cycles(self) -> int:
        """Cycles up to the access that is being served."""

    def exception_state(self) -> int:
        """VECTACTIVE, VECTPENDING and the pending bits of ICSR."""

    def pend(self, number: int, pending: bool) -> None:
        """Set or clear an exception's pending bit."""

    def pending_interrupts(self) -> int:
        """One bit per pending interrupt of the chip."""

    def active_interrupts(self) -> int:
        """One bit per active interrupt of the chip."""

    def active_bits(self) -> int:
        """The active and pended bits of SHCSR."""

    def settings_changed(self) -> None:
        """Something that decides on traps, deadlines or masks was written."""

    def request_reset(self) -> None:
        """AIRCR.SYSRESETREQ was written."""


class SystemControl:
    """Registers by offset. Accesses of one, two, four and eight bytes; partial writes keep the other bytes."""

    def __init__(self, core: Core, vector_table_addr: int, state: CoreState, interrupts: int = 32) -> None:
        self._core = core
        self._state = state
        self._vector_table_addr = vector_table_addr
        self.is_mainline = core.name not in ("cortex-m0", "cortex-m0plus")
        self.debugger_attached = False
        self._vector_catch = 0
        self._by_debugger = False
        self._interrupts = interrupts
        self.reset()

    def reset(self) -> None:
        """A system reset; what belongs to the debugger stays."""
        self.systick = SysTick()
        self.nvic = Nvic(self._interrupts, 4 if self.is_mainline else 2, self._state)
        self.mpu = Mpu(self._core.name)
        self._priority_group = 0
        self.registers = dict.fromkeys(_PLAIN, 0)
        self.registers |= {
            DEMCR: self._vector_catch,
            VTOR: self._vector_table_addr,
            CFSR: 0,
            HFSR: 0,
            DFSR: 0,
            CPACR: 0,
        }
        self.registers[CCR] = CCR_STKALIGN | (0 if self.is_mainline else 1 << 3)
        self.registers[FPCCR] = 0xC000_0000 if self._core.fpu else 0
        self.priorities = bytearray(12)  # SHPR1..3: exceptions 4 to 15
        self.is_locked_up = False
        self.is_halted = True
        self._cycle_counting = False
        self._cycle_count = 0  # CYCCNT minus the core's cycles while counting, else CYCCNT

    @contextmanager
    def debugger_access(self) -> Iterator[None]:
        """While this is open, writes are the debugger's, which alone may change vector catch."""
        self._by_debugger = True
        try:
            yield
        finally:
            self._by_debugger = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """While this is open, DHCSR shows a core that is not halted."""
        self.is_halted = False
        try:
            yield
        finally:
            self.is_halted = True

    def attach_debugger(self, vector_catch: int) -> None:
        """A debugger came, and wants the core to halt at these DEMCR.VC_* events."""
        self.debugger_attached = True
        self._set_vector_catch(vector_catch)

    def detach_debugger(self) -> None:
        """The debugger went."""
        self.debugger_attached = False
        self._set_vector_catch(0)

    def _set_vector_catch(self, bits: int) -> None:
        self._vector_catch = bits & DEMCR_VECTOR_CATCH
        self.registers[DEMCR] = self.registers[DEMCR] & ~DEMCR_VECTOR_CATCH | self._vector_catch

    @property
    def fpu_enabled(self) -> bool:
        """Whether CPACR gives full access to a floating-point unit that exists."""
        return self._core.fpu is not None and self.registers[CPACR] & CPACR_FPU == CPACR_FPU

    def priority(self, number: int) -> int:
        """The priority byte of an exception from 4; smaller is more urgent."""
        return self.nvic.priority(number) if number >= nvic.FIRST_INTERRUPT else self.priorities[number - 4]

    def preemption(self, priority: int) -> int:
        """The part of a priority byte that decides who may interrupt whom: without the sub-priority of PRIGROUP."""
        return priority >> (self._priority_group + 1) << (self._priority_group + 1)

    def read(self, offset: int, size_bytes: int) -> int:
        """The value of an aligned access."""
        word = self._read_word(offset & ~3)
        if size_bytes == 8:
            word |= self._read_word((offset & ~3) + 4) << 32
        return (word >> 8 * (offset & 3)) & ((1 << 8 * size_bytes) - 1)

    def write(self, offset: int, size_bytes: int, value: int) -> None:
        """An aligned access; bytes and halfwords of a word register change only themselves."""
        if size_bytes == 8:
            self._write_word(offset, value & 0xFFFF_FFFF)
            self._write_word(offset + 4, value >> 32)
        elif size_bytes == 4:
            self._write_word(offset, value)
        else:
            shift, mask = 8 * (offset & 3), (1 << 8 * size_bytes) - 1
            clears_by_ones = offset & ~3 in (CFSR, HFSR, DFSR) or nvic.ISER <= offset < nvic.IPR
            word = 0 if clears_by_ones else self._read_word(offset & ~3)
            self._write_word(offset & ~3, word & ~(mask << shift) | (value & mask) << shift)

    def _read_word(self, offset: int) -> int:
        if self.nvic.contains(offset):
            return self.nvic.read(offset)
        if self.mpu.contains(offset):
            return self.mpu.read(offset)
        computed = self._computed().get(offset)
        if computed is not None:
            return computed() & 0xFFFF_FFFF
        return self.registers.get(offset, 0) & 0xFFFF_FFFF

    def _computed(self) -> dict[int, Callable[[], int]]:
        now = self._state.current_cycles
        media = MEDIA_FEATURES.get(self._core.fpu or "", (0, 0, 0))
        return {
            DWT_CTRL: self._read_dwt_control,
            DWT_CYCCNT: self._read_cycle_count,
            SYST_CSR: lambda: self.systick.read_control(now()),
            SYST_RVR: lambda: self.systick.reload,
            SYST_CVR: lambda: self.systick.value(now()),
            SYST_CALIB: lambda: 1 << 31,  # no reference clock
            CPUID: lambda: self._core.cpuid or CPUIDS.get(self._core.name, 0),
            ICSR: self._state.exception_state,
            AIRCR: lambda: AIRCR_READ_KEY | self._priority_group << 8,
            SHPR1: lambda: int.from_bytes(self.priorities[0:4], "little"),
            SHPR1 + 4: lambda: int.from_bytes(self.priorities[4:8], "little"),
            SHPR3: lambda: int.from_bytes(self.priorities[8:12], "little"),
            SHCSR: lambda: self.registers[SHCSR] | self._state.active_bits(),
            DHCSR: self._read_debug_state,
            MVFR0: lambda: media[0],
            MVFR1: lambda: media[1],
            MVFR2: lambda: media[2],
        }

    def _read_debug_state(self) -> int:
        state = DHCSR_REGRDY | (DHCSR_DEBUGEN if self.debugger_attached else 0)
        state |= DHCSR_HALT if self.is_halted else 0
        return state | (DHCSR_LOCKUP if self.is_locked_up else 0)

    def _read_dwt_control(self) -> int:
        if self._core.cycle_counter != "dwt":
            return DWT_NOCYCCNT
        return DWT_COMPARATORS | (DWT_CYCCNTENA if self._cycle_counting else 0)

    @property
    def _counts(self) -> bool:
        return self._cycle_counting and bool(self.registers[DEMCR] & DEMCR_TRCENA)

    def _read_cycle_count(self) -> int:
        return self._cycle_count + (self._state.current_cycles() if self._counts else 0)

    def _write_counting(self, change: Callable[[], None]) -> None:
        """Change whether CYCCNT counts, keeping its value."""
        value = self._read_cycle_count()
        change()
        self._cycle_count = (value - (self._state.current_cycles() if self._counts else 0)) & 0xFFFF_FFFF

    def _write_word(self, offset: int, value: int) -> None:
        registers, now = self.registers, self._state.current_cycles
        if self.nvic.contains(offset):
            self.nvic.write(offset, value)
        elif self.mpu.contains(offset):
            self.mpu.write(offset, value)
        elif offset in (DWT_CTRL, DEMCR):
            self._write_counting(lambda: self._set_counting(offset, value))
        elif offset == DWT_CYCCNT and self._core.cycle_counter == "dwt":
            self._cycle_count = (value - (now() if self._counts else 0)) & 0xFFFF_FFFF
        elif offset == SYST_CSR:
            self.systick.write_control(value, now())
        elif offset == SYST_RVR:
            self.systick.write_reload(value, now())
        elif offset == SYST_CVR:
            self.systick.clear(now())
        elif offset in (CFSR, HFSR, DFSR):
            registers[offset] &= ~value  # write one to clear
        elif offset == VTOR:
            registers[VTOR] = value & ~0x7F
        elif offset == CPACR:
            registers[CPACR] = value & CPACR_FPU if self._core.fpu else 0
        elif offset == CCR and self.is_mainline:
            registers[CCR] = value & 0x7_031B | CCR_STKALIGN
        elif SHPR1 <= offset < SHPR1 + 12:
            implemented = 0xF0F0_F0F0 if self.is_mainline else 0xC0C0_C0C0
            self.priorities[offset - SHPR1 : offset - SHPR1 + 4] = (value & implemented).to_bytes(4, "little")
        elif offset == ICSR:
            self._write_interrupt_control(value)
        elif offset == AIRCR:
            self._write_reset_control(value)
        elif offset in _PLAIN:
            registers[offset] = value & _PLAIN[offset] & 0xFFFF_FFFF
        self._state.settings_changed()

    def _set_counting(self, offset: int, value: int) -> None:
        if offset == DEMCR:
            if self._by_debugger:
                self._vector_catch = value & DEMCR_VECTOR_CATCH
            # Firmware that writes the whole register to set TRCENA must not end the debugger's vector catch.
            self.registers[DEMCR] = value & ~DEMCR_VECTOR_CATCH & 0xFFFF_FFFF | self._vector_catch
        elif self._core.cycle_counter == "dwt" and self.registers[DEMCR] & DEMCR_TRCENA:
            self._cycle_counting = bool(value & DWT_CYCCNTENA)

    def _write_reset_control(self, value: int) -> None:
        if value & 0xFFFF_0000 != AIRCR_KEY:
            return
        if self.is_mainline:
            self._priority_group = (value & AIRCR_PRIGROUP) >> 8
        if value & AIRCR_SYSRESETREQ:
            self._state.request_reset()

    def _write_interrupt_control(self, value: int) -> None:
        for bit, number, pending in (
            (ICSR_NMI, 2, True),
            (ICSR_SET_PENDSV, 14, True),
            (ICSR_CLEAR_PENDSV, 14, False),
            (ICSR_SET_SYSTICK, 15, True),
            (ICSR_CLEAR_SYSTICK, 15, False),
        ):
            if value & bit:
                self._state.pend(number, pending)
