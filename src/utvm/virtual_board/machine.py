"""The machine: one board's core, memories and peripheral bus, run under a debugger's control."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from unicorn import unicorn_const as uc_const

from utvm.boards import Board
from utvm.virtual_board import faults
from utvm.virtual_board import system_control as scs
from utvm.virtual_board.console import Console
from utvm.virtual_board.core_state import ExceptionState
from utvm.virtual_board.cycles_kind import cycles_kind
from utvm.virtual_board.engine import PERIPHERAL_BUS_ADDR, PERIPHERAL_BUS_BYTES, Engine, EngineStop, Stop, Trap
from utvm.virtual_board.exceptions import BUS_FAULT, CFSR_UNSTKERR, HARD_FAULT, SVCALL, SYSTICK, ExceptionModel, Lockup
from utvm.virtual_board.faults import Fault, fault_of
from utvm.virtual_board.memory import Memory, MemoryFault
from utvm.virtual_board.mpu import Denied
from utvm.virtual_board.peripherals import chip_of
from utvm.virtual_board.profile import Profiler
from utvm.virtual_board.semihosting import BKPT_SEMIHOSTING, Semihosting, SemihostingExit
from utvm.virtual_board.stops import Stops
from utvm.virtual_board.system_control import SystemControl
from utvm.virtual_board.target import StopEvent, StopKind
from utvm.virtual_board.timing import TimingChoice, attach_timing
from utvm.virtual_board.timing.choice import MemoryTiming
from utvm.virtual_board.timing.rules import ONE_CYCLE

BASEPRI_POLL_CYCLES = 256
THUMB = 1 << 24
STACKING_FAULT = Fault(
    BUS_FAULT, CFSR_UNSTKERR, faults.VC_INTERR, StopKind.BUS_FAULT, "exception return: no stack there"
)


class Machine:
    """A DebugTarget that emulates a board. Halted in reset when new.

    Without a timing model every instruction counts as one cycle.
    """

    def __init__(
        self, board: Board, timing: TimingChoice | None = None, memory_timing: MemoryTiming = "zero-wait"
    ) -> None:
        self.board = board
        self.memory = Memory(board.regions)
        self.engine = Engine(board.core, self.memory, self._read_peripheral, self._write_peripheral)
        self.timing = timing or TimingChoice(ONE_CYCLE)
        self.memory_timing = memory_timing
        self.cycles_kind = cycles_kind(self.timing, memory_timing)
        self._model = attach_timing(*self.engine.native, board, self.timing, memory_timing)
        self.profiler = Profiler(self.engine, self._model)
        self.console = Console()
        self._semihosting = Semihosting(self.memory, self.console, self)
        self._under_gdb = False
        self.chip = chip_of(board, self.memory, self.console)
        for base_addr, size_bytes in self.chip.windows:
            self.engine.map_registers(base_addr, size_bytes)
        vector_table_addr = board.region(board.placement.code).base_addr
        self._state = ExceptionState(self.engine, self._settings_changed)
        self.control = SystemControl(board.core, vector_table_addr, self._state, self.chip.interrupts)
        self.exceptions = ExceptionModel(board.core.name, self.engine, self.memory, self.control)
        self._state.exceptions = self.exceptions
        self._stops = Stops(self.engine)
        self._systick_due: int | None = None
        self._limit_cycles: int | None = None
        self._denied: Sequence[Denied] = ()
        self._woken = threading.Event()
        self.reset()

    @property
    def register_names(self) -> Sequence[str]:
        """Core registers, then those of the floating-point unit where there is one, then the special ones."""
        general = [f"r{number}" for number in range(13)] + ["sp", "lr", "pc", "xpsr"]
        fpu = [f"d{number}" for number in range(16)] + ["fpscr"] if self.board.core.fpu else []
        masks = ["basepri", "faultmask"] if self.control.is_mainline else []
        return [*general, *fpu, "msp", "psp", "primask", *masks, "control"]

    @property
    def cycles(self) -> int:
        """Cycles since power-up."""
        return self.engine.cycles

    @property
    def clock_hz(self) -> int:
        """Cycles a second."""
        return self.board.clock_hz

    @property
    def instructions(self) -> int:
        """Instructions executed since power-up."""
        return self.engine.instructions

    def read_register(self, name: str) -> int:
        """A register's value, unsigned."""
        return self.engine.read(name)

    def write_register(self, name: str, value: int) -> None:
        """Set a register. A new PC continues in Thumb state, as a debugger expects."""
        self.engine.write(name, value | 1 if name == "pc" else value)

    def read_memory(self, addr: int, size_bytes: int) -> bytes:
        """Bytes of memory, or of registers on a bus; MemoryFault where there is neither."""
        if not self.is_register(addr):
            return self.memory.read(addr, size_bytes)
        first = addr & ~3
        words = range(first, min(addr + size_bytes + 3 & ~3, PERIPHERAL_BUS_ADDR + PERIPHERAL_BUS_BYTES), 4)
        data = b"".join(self._read_peripheral(word - PERIPHERAL_BUS_ADDR, 4).to_bytes(4, "little") for word in words)
        return data[addr - first : addr - first + size_bytes]

    def write_memory(self, addr: int, data: bytes) -> None:
        """Store bytes into memory, flash too, or registers on a bus; MemoryFault where there is neither."""
        if not self.is_register(addr):
            self.memory.write(addr, data)
            self.engine.code_written(addr, len(data))
            return
        with self.control.debugger_access():
            while data:
                size = next(size for size in (4, 2, 1) if size <= len(data) and addr % size == 0)
                self._write_peripheral(addr - PERIPHERAL_BUS_ADDR, size, int.from_bytes(data[:size], "little"))
                addr, data = addr + size, data[size:]

    def is_register(self, addr: int) -> bool:
        """Whether a bus of registers answers, not memory."""
        return 0 <= addr - PERIPHERAL_BUS_ADDR < PERIPHERAL_BUS_BYTES or self.chip.owns(addr)

    @property
    def register_windows(self) -> Sequence[tuple[int, int]]:
        """(base address, size in bytes) of all ranges of registers."""
        return (*self.chip.windows, (PERIPHERAL_BUS_ADDR, PERIPHERAL_BUS_BYTES))

    def set_breakpoint(self, addr: int) -> None:
        """Halt before the instruction at an address; bit 0 does not matter."""
        self._stops.set_breakpoint(addr)

    def clear_breakpoint(self, addr: int) -> None:
        """Remove a breakpoint, if there is one."""
        self._stops.clear_breakpoint(addr)

    def set_watchpoint(self, addr: int, size_bytes: int, access: str) -> bool:
        """Halt at a "read", "write" or any "access" of a range; False if all comparators are taken."""
        return self._stops.set_watchpoint(addr, size_bytes, access)

    def clear_watchpoint(self, addr: int, size_bytes: int, access: str) -> None:
        """Remove a watchpoint, if there is one."""
        self._stops.clear_watchpoint(addr, size_bytes, access)

    def attach(self) -> None:
        """A debugger is there: BKPT and faults halt the core from now on."""
        self.control.attach_debugger(faults.VC_FAULTS)
        self._under_gdb = True

    def detach(self) -> None:
        """The debugger is gone: its breakpoints are removed, and faults are taken by the firmware's handlers."""
        self.control.detach_debugger()
        self._under_gdb = False
        self._stops.clear()

    def fault_registers(self) -> dict[str, int]:
        """CFSR, HFSR, MMFAR and BFAR."""
        offsets = {"cfsr": scs.CFSR, "hfsr": scs.HFSR, "mmfar": scs.MMFAR, "bfar": scs.BFAR}
        return {name: self.control.read(offset, 4) for name, offset in offsets.items()}

    def forget_history(self) -> None:
        """Caches are empty and predictors untrained, as after power-up."""
        self._model.forget()

    def limit_cycles(self, cycles: int | None) -> None:
        """Halt as by `request_halt` when so many more have passed, at the end of a basic block; None for never."""
        self._limit_cycles = None if cycles is None else self.engine.cycles + cycles

    def request_halt(self) -> None:
        """Make `resume` return within one basic block; callable from any thread."""
        self.engine.request_stop()
        self._woken.set()

    def forget_halt_request(self) -> None:
        """Drop a halt request that came after the core had halted by itself."""
        self.engine.forget_stop_request()
        self._woken.clear()

    def reset(self) -> StopEvent:
        """Reset core and peripherals; the stack pointer and PC come from the vector table at the start of the code."""
        self.exceptions.reset()
        self.control.reset()
        self.chip.reset()
        self.engine.set_programs_flash(False)
        self._limit_cycles = None
        self._state.is_reset_requested = False
        engine = self.engine
        engine.write("xpsr", THUMB)
        for name in self.register_names:
            if name != "xpsr":
                engine.write(name, 0)
        stack, entry = memoryview(self.memory.read(self.control.registers[scs.VTOR], 8)).cast("I")
        engine.write("msp", stack & ~3)
        engine.write("lr", 0xFFFF_FFFF)
        engine.write("pc", entry)
        self._settings_changed()
        return StopEvent(StopKind.RESET)

    def resume(self) -> StopEvent:
        """Run until the core halts. A breakpoint at the current PC hits at once."""
        self._stops.at_breakpoints()
        with self.control.running():
            while True:
                try:
                    self._schedule()
                except Lockup:
                    return self._lock_up(f"lockup at {self.engine.read('pc'):#010x}: no vector for a pending exception")
                event = self._handle(self.engine.run())
                if event is not None:
                    self.console.flush()
                    return event

    def step(self) -> StopEvent:
        """Execute one instruction; interrupts wait and watchpoints are passed."""
        pc = self.engine.read("pc")
        self.engine.set_deadline(None)
        self.engine.set_pending(False)
        self._protect_memory()
        self._stops.at_end_of_step(pc, pc + self._instruction_bytes(pc))
        self.engine.ignore_watchpoints(True)
        try:
            with self.control.running():
                stop = self.engine.run(step=True)
                if stop.reason in (Stop.HALTED, Stop.STEPPED):
                    return StopEvent(StopKind.STEP)
                return self._handle(stop) or StopEvent(StopKind.STEP)
        finally:
            self.engine.ignore_watchpoints(False)
            self.console.flush()

    def _settings_changed(self) -> None:
        """Traps follow CPACR and CCR; a deadline in the past makes a running core look at everything else."""
        traps = [] if self.control.fpu_enabled else [Trap.FP]
        if self.board.core.fpu != "fpv5-d16":
            traps.append(Trap.DOUBLE)
        if self.control.registers[scs.CCR] & scs.CCR_DIV_0_TRP:
            traps.append(Trap.DIVIDE)
        self.engine.set_traps(traps)
        self.engine.set_deadline(0)

    def _read_peripheral(self, offset: int, size_bytes: int) -> int:
        addr = PERIPHERAL_BUS_ADDR + offset & 0xFFFF_FFFF
        if self.chip.owns(addr):
            return self.chip.read(addr, size_bytes)
        return self.control.read(offset, size_bytes)

    def _write_peripheral(self, offset: int, size_bytes: int, value: int) -> None:
        addr = PERIPHERAL_BUS_ADDR + offset & 0xFFFF_FFFF
        if self.chip.owns(addr):
            self.chip.write(addr, size_bytes, value)
            self.engine.set_programs_flash(self.chip.programs_flash)
        else:
            self.control.write(offset, size_bytes, value)

    # Running.

    def _instruction_bytes(self, pc: int) -> int:
        try:
            return 4 if self.memory.read(pc, 2)[1] >> 3 >= 0x1D else 2
        except MemoryFault:
            return 2

    def _schedule(self) -> None:
        """Take what can be taken now, and decide when to look again."""
        self._note_systick()
        self.exceptions.take_pending()
        self._protect_memory()
        self._systick_due = self.control.systick.next_wrap(self.engine.cycles)
        deadline = self._systick_due
        waiting = bool(self.exceptions.waiting)
        if waiting and self.engine.read("basepri"):
            poll = self.engine.cycles + BASEPRI_POLL_CYCLES
            deadline = poll if deadline is None else min(deadline, poll)
        limit = self._limit_cycles
        self.engine.set_deadline(min((due for due in (deadline, limit) if due is not None), default=None))
        masked = self.engine.read("primask") | self.engine.read("faultmask")
        self.engine.set_pending(waiting and bool(masked & 1))

    def _protect_memory(self) -> None:
        self._denied = self.control.mpu.denied(in_fault_handler=self.exceptions.in_fault_handler)
        self.engine.set_denied(self._denied)

    def _note_systick(self) -> None:
        if self._systick_due is not None and self.engine.cycles >= self._systick_due:
            self.exceptions.pending.add(SYSTICK)

    def _handle(self, stop: EngineStop) -> StopEvent | None:
        """What a stop means: an event for the debugger, or None after the core was set to go on."""
        if stop.reason is Stop.HALTED:
            if self._stops.is_at(self.engine.read("pc")):
                return StopEvent(StopKind.BREAKPOINT)
            return self._wait_for_interrupt()
        if stop.reason is Stop.REQUESTED:
            self._woken.clear()
            return StopEvent(StopKind.INTERRUPT)
        if stop.reason is Stop.WATCH:
            access = "write" if stop.access == uc_const.UC_MEM_WRITE else "read"
            return StopEvent(StopKind.WATCHPOINT, watch_addr=stop.addr, watch_access=access)
        if self._limit_cycles is not None and self.engine.cycles >= self._limit_cycles:
            self._limit_cycles = None
            return StopEvent(StopKind.INTERRUPT)
        if stop.reason in (Stop.EVENT, Stop.PENDING, Stop.STEPPED):
            return self._system_reset() if self._state.is_reset_requested else None
        if stop.reason is Stop.EXCEPTION and stop.detail in (
            faults.EXCP_SWI,
            faults.EXCP_BKPT,
            faults.EXCP_EXCEPTION_EXIT,
        ):
            return self._handle_exception(stop.detail)
        fault = fault_of(stop, self._denied, in_thumb_state=bool(self.engine.read("xpsr") & THUMB))
        if fault is None:
            return self._lock_up(f"the emulator gave up at {self.engine.read('pc'):#010x}: error {stop.detail}")
        return self._take_fault(fault)

    def _handle_exception(self, number: int) -> StopEvent | None:
        pc = self.engine.read("pc")
        if number == faults.EXCP_EXCEPTION_EXIT:
            try:
                valid = self.exceptions.leave(pc & ~1 | self.engine.read("xpsr") >> 24 & 1)
            except MemoryFault:
                return self._take_fault(STACKING_FAULT)
            return None if valid else self._take_fault(faults.INVALID_RETURN)
        if number == faults.EXCP_BKPT and self._is_semihosting(pc):
            return self._call_host(pc)
        if number == faults.EXCP_BKPT and self.control.debugger_attached:
            return StopEvent(StopKind.BREAKPOINT, "breakpoint instruction")
        try:
            self.exceptions.enter(self.exceptions.escalated(SVCALL if number == faults.EXCP_SWI else HARD_FAULT), pc)
        except Lockup:
            return self._lock_up(f"lockup at {pc:#010x}: exception {number} in a fault handler")
        return None

    def _is_semihosting(self, pc: int) -> bool:
        """Whether a breakpoint instruction is for us. A debugger behind a probe does semihosting by itself."""
        if self.control.debugger_attached and not self._under_gdb:
            return False
        return self.memory.read(pc, 2) == BKPT_SEMIHOSTING

    def _call_host(self, pc: int) -> StopEvent | None:
        try:
            self.engine.write("r0", self._semihosting.call(self.engine.read("r0"), self.engine.read("r1")))
        except SemihostingExit as end:  # the PC stays here: there is nothing to go on with
            return StopEvent(StopKind.EXITED, str(end), exit_status=end.status)
        self.engine.write("pc", pc + 2 | 1)
        return None

    def _take_fault(self, fault: Fault) -> StopEvent | None:
        registers, pc = self.control.registers, self.engine.read("pc")
        is_bus_fault = fault.number == BUS_FAULT
        is_peripheral = is_bus_fault and fault.addr is not None and 0x4000_0000 <= fault.addr < 0x6000_0000
        if self.control.is_mainline:
            registers[scs.CFSR] |= fault.status
            if fault.addr is not None:
                registers[scs.BFAR if is_bus_fault else scs.MMFAR] = fault.addr
        text = f"{fault.text} at pc {pc:#010x}"
        text += f": no peripheral of the {self.board.chip} is modelled there" if is_peripheral else ""
        try:
            number = self.exceptions.escalated(fault.number)
            caught = fault.catch | (faults.VC_HARDERR if number == HARD_FAULT else 0)
            if registers[scs.DEMCR] & caught and self.control.debugger_attached:
                return StopEvent(fault.kind, text)
            self.exceptions.enter(number, pc)
        except Lockup:
            return self._lock_up(f"lockup: {text}, in a fault handler or without one")
        return None

    def _lock_up(self, message: str) -> StopEvent:
        self.control.is_locked_up = True
        return StopEvent(StopKind.LOCKUP, message)

    def _system_reset(self) -> StopEvent | None:
        catch = self.control.registers[scs.DEMCR] & faults.VC_CORERESET
        event = self.reset()
        return event if catch and self.control.debugger_attached else None

    def _wait_for_interrupt(self) -> StopEvent | None:
        """WFI: time passes until SysTick is due; without it only the debugger can end the sleep."""
        if self.exceptions.waiting or self._state.is_reset_requested:
            return None
        due = self.control.systick.next_wrap(self.engine.cycles)
        if due is not None:
            self.engine.sleep_until(due)
            return None
        self._woken.wait()
        return None
