"""The core's debug registers as a debug port sees them: run control, core registers, comparators, reset.

Offsets are those of the private peripheral bus. Called on the thread of the JTAG door, except `_on_stop`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from utvm.virtual_board import system_control as scs
from utvm.virtual_board.jtag.comparators import BreakpointUnit, WatchpointUnit
from utvm.virtual_board.jtag.core_thread import CoreThread
from utvm.virtual_board.jtag.identification import identification
from utvm.virtual_board.jtag.selectors import read_selected, write_selected
from utvm.virtual_board.machine import Machine
from utvm.virtual_board.target import StopEvent, StopKind

DHCSR, DCRSR, DCRDR = scs.DHCSR, 0xEDF4, 0xEDF8
DEVICE_ARCHITECTURE = 0x1FBC  # DWT_DEVARCH: zero, the comparators are those of Armv7-M

DHCSR_KEY = 0xA05F_0000
C_DEBUGEN, C_HALT, C_STEP, C_MASKINTS = 1 << 0, 1 << 1, 1 << 2, 1 << 3
S_REGRDY, S_HALT, S_LOCKUP, S_RETIRE_ST, S_RESET_ST = 1 << 16, 1 << 17, 1 << 19, 1 << 24, 1 << 25
DFSR_HALTED, DFSR_BKPT, DFSR_DWTTRAP, DFSR_VCATCH = 1 << 0, 1 << 1, 1 << 2, 1 << 3
DCRSR_WRITE = 1 << 16
VC_CORERESET = 1 << 0

_STOP_BITS = {
    StopKind.BREAKPOINT: DFSR_BKPT,
    StopKind.WATCHPOINT: DFSR_DWTTRAP,
    StopKind.INTERRUPT: DFSR_HALTED,
    StopKind.STEP: DFSR_HALTED,
}


class DebugRegisters:
    """Run control of one machine. At power-up the core is halted, and C_HALT says so.

    `prepare` runs before the core executes anything.
    """

    def __init__(self, machine: Machine, prepare: Callable[[], None]) -> None:
        self._machine = machine
        self._core = CoreThread(machine, prepare, self._on_stop)
        self._control = C_DEBUGEN | C_HALT
        self._is_locked_up = False
        self._was_reset = False
        self._has_retired = False
        self._register_data = 0
        self._identification = identification(machine.board.core.name)
        self.breakpoints = BreakpointUnit(machine.board.core, machine)
        self.watchpoints = WatchpointUnit(machine)

    def connect(self) -> None:
        """A debug port takes the core over: what it last programmed holds again."""
        self._control = C_DEBUGEN | (0 if self._core.is_running else C_HALT)
        machine = self._machine
        machine.control.attach_debugger(machine.control.registers[scs.DEMCR] & scs.DEMCR_VECTOR_CATCH)
        self.breakpoints.apply()
        self.watchpoints.apply()

    def read(self, offset: int) -> int | None:
        """A word register; None if it is none of ours."""
        if offset == DHCSR:
            return self._read_debug_state()
        if offset == DCRDR:
            return self._register_data
        if self.breakpoints.contains(offset):
            return self.breakpoints.read(offset)
        if self.watchpoints.contains(offset):
            return self.watchpoints.read(offset)
        return 0 if offset in (DCRSR, DEVICE_ARCHITECTURE) else self._identification.get(offset)

    def write(self, offset: int, value: int) -> bool:
        """A word register; False if it is none of ours."""
        if offset == DHCSR:
            if value & 0xFFFF_0000 == DHCSR_KEY:
                self._control_core(value & (C_DEBUGEN | C_HALT | C_STEP | C_MASKINTS))
        elif offset == DCRDR:
            self._register_data = value
        elif offset == DCRSR:
            self._transfer_register(value)
        elif offset == scs.AIRCR and value & 0xFFFF_0000 == scs.AIRCR_KEY and value & scs.AIRCR_SYSRESETREQ:
            self.reset()
        elif self.breakpoints.contains(offset):
            with self._core.paused():
                self.breakpoints.write(offset, value)
        elif self.watchpoints.contains(offset):
            with self._core.paused():
                self.watchpoints.write(offset, value)
        else:
            return False
        return True

    def paused(self) -> AbstractContextManager[None]:
        """While this is open the core stands still; afterwards it goes on."""
        return self._core.paused()

    def halt(self) -> None:
        """Stop the core if it runs."""
        self._core.halt()

    def release(self) -> None:
        """Another debugger takes over: it finds the core halted, and none of our breakpoints."""
        self._core.halt()
        self._machine.detach()

    def reset(self) -> None:
        """A system reset, by AIRCR or the pin: then the core runs, unless the debugger catches the reset vector."""
        self._core.halt()
        self._machine.reset()
        self._was_reset, self._is_locked_up = True, False
        self._control &= C_DEBUGEN
        if self._machine.control.registers[scs.DEMCR] & VC_CORERESET and self._control & C_DEBUGEN:
            self._halted(DFSR_VCATCH)
        else:
            self._core.start()

    def _read_debug_state(self) -> int:
        state = self._control | S_REGRDY
        if self._is_locked_up:
            state |= S_LOCKUP
        elif not self._core.is_running:
            state |= S_HALT
        state |= S_RETIRE_ST if self._has_retired or self._core.is_running else 0
        state |= S_RESET_ST if self._was_reset else 0
        self._was_reset = self._has_retired = False
        return state

    def _control_core(self, wanted: int) -> None:
        self._control = wanted if wanted & C_DEBUGEN else 0
        if self._is_locked_up:
            if self._control & C_HALT:
                self._is_locked_up = self._machine.control.is_locked_up = False
                self._halted(DFSR_HALTED)
        elif self._core.is_running:
            if self._control & C_HALT:
                self._core.request_halt()
        elif not self._control & C_HALT:
            if self._control & C_STEP:
                self._core.step()
            else:
                self._core.start()

    def _on_stop(self, event: StopEvent) -> None:
        """The core has stopped by itself or on request."""
        if event.kind is StopKind.LOCKUP:
            self._is_locked_up = True
            return
        self._was_reset |= event.kind is StopKind.RESET
        if event.kind is StopKind.WATCHPOINT:
            self.watchpoints.note_match(event.watch_addr)
            self._machine.step()  # the machine halts before the access, this core after it
        self._halted(_STOP_BITS.get(event.kind, DFSR_VCATCH))

    def _halted(self, reason: int) -> None:
        self._control |= C_HALT
        self._has_retired = True
        self._machine.control.registers[scs.DFSR] |= reason

    def _transfer_register(self, selector: int) -> None:
        if self._core.is_running:
            return
        if selector & DCRSR_WRITE:
            write_selected(self._machine, selector & 0x7F, self._register_data)
        else:
            self._register_data = read_selected(self._machine, selector & 0x7F)
