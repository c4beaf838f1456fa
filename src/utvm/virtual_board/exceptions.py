"""Exceptions of the M-profile: priorities, entry with its stack frame, and return."""

from __future__ import annotations

from collections.abc import Sequence

from utvm.virtual_board import system_control as scs
from utvm.virtual_board.engine import Engine
from utvm.virtual_board.memory import Memory, MemoryFault
from utvm.virtual_board.nvic import FIRST_INTERRUPT
from utvm.virtual_board.system_control import SystemControl

NMI, HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT, SVCALL, PENDSV, SYSTICK = 2, 3, 4, 5, 6, 11, 14, 15
LOWEST_PRIORITY = 256
FRAME_BYTES, FP_FRAME_BYTES = 0x20, 0x68
FRAME_REGISTERS = ("r0", "r1", "r2", "r3", "r12", "lr")

XPSR_THUMB, XPSR_ALIGNED, XPSR_IPSR = 1 << 24, 1 << 9, 0x1FF
XPSR_RESTORED = 0xFF0F_FDFF  # every field but the alignment bit of the frame
CONTROL_SPSEL, CONTROL_FPCA = 1 << 1, 1 << 2
EXC_RETURN_THREAD, EXC_RETURN_PSP, EXC_RETURN_BASIC_FRAME = 1 << 3, 1 << 2, 1 << 4
EXC_RETURN_MAGIC = {"cortex-m33": 0xFFFF_FFA0}
EXC_RETURN_MAGIC_V7 = 0xFFFF_FFE1
CFSR_STKERR, CFSR_UNSTKERR, CFSR_INVPC = 1 << 12, 1 << 11, 1 << 18
HFSR_FORCED, HFSR_VECTTBL = 1 << 30, 1 << 1


class Lockup(Exception):
    """A fault at a priority where no handler can take it: the core stops for good."""


class ExceptionModel:
    """The exceptions that are active or pending on one core, and the core's moves between them."""

    def __init__(self, core_name: str, engine: Engine, memory: Memory, control: SystemControl) -> None:
        self._engine, self._memory, self._control = engine, memory, control
        self._magic = EXC_RETURN_MAGIC.get(core_name, EXC_RETURN_MAGIC_V7)
        self.active: list[int] = []  # innermost last
        self.pending: set[int] = set()

    @property
    def is_mainline(self) -> bool:
        """Whether the core is more than an Armv6-M."""
        return self._control.is_mainline

    def reset(self) -> None:
        """Nothing active, nothing pending."""
        self.active.clear()
        self.pending.clear()

    def priority(self, number: int) -> int:
        """An exception's priority; smaller is more urgent."""
        if number <= HARD_FAULT:
            return number - 4  # NMI -2, HardFault -1
        return self._control.priority(number)

    def _preemption(self, number: int) -> int:
        """What decides whether an exception interrupts another; sub-priorities do not."""
        return self.priority(number) if number <= HARD_FAULT else self._control.preemption(self.priority(number))

    @property
    def waiting(self) -> set[int]:
        """The pending exceptions that are enabled."""
        nvic = self._control.nvic
        return {number for number in self.pending if number < FIRST_INTERRUPT or nvic.is_enabled(number)}

    def execution_priority(self) -> int:
        """The priority the core executes at, masks included."""
        priority = min((self._preemption(number) for number in self.active), default=LOWEST_PRIORITY)
        basepri = self._control.preemption(self._engine.read("basepri") & 0xFF)
        if basepri:
            priority = min(priority, basepri)
        if self._engine.read("primask") & 1:
            priority = min(priority, 0)
        if self._engine.read("faultmask") & 1:
            priority = min(priority, -1)
        return priority

    @property
    def in_fault_handler(self) -> bool:
        """Whether a HardFault or NMI handler runs, where the memory protection unit may be off."""
        return any(number <= HARD_FAULT for number in self.active)

    def next_pending(self) -> int | None:
        """The most urgent pending exception, if it may interrupt what runs now."""
        number = self.most_urgent()
        return number if number and self._preemption(number) < self.execution_priority() else None

    def most_urgent(self) -> int:
        """The number of the enabled pending exception that comes first; 0 if there is none."""
        return min(self.waiting, key=lambda item: (self.priority(item), item), default=0)

    def take_pending(self) -> None:
        """Enter pending exceptions as long as the priorities allow it."""
        number = self.next_pending()
        if number is not None:
            self.pending.discard(number)
            self.enter(number, self._engine.read("pc"))

    def escalated(self, number: int) -> int:
        """What a synchronous exception becomes: itself, or HardFault; Lockup if not even that can be taken."""
        now = self.execution_priority()
        enabled = (
            number not in (MEM_MANAGE, BUS_FAULT, USAGE_FAULT)
            or self._control.registers[scs.SHCSR] >> (16 + number - MEM_MANAGE) & 1
        )
        if number != HARD_FAULT and enabled and self._preemption(number) < now:
            return number
        if self.priority(HARD_FAULT) >= now:
            raise Lockup
        if self._control.is_mainline and number != HARD_FAULT:
            self._control.registers[scs.HFSR] |= HFSR_FORCED
        return HARD_FAULT

    def enter(self, number: int, return_addr: int) -> None:
        """Stack the frame and go to the handler. The frame may fail, which is a BusFault in turn."""
        engine = self._engine
        exc_return = self._magic | EXC_RETURN_BASIC_FRAME
        if not self.active:
            exc_return |= EXC_RETURN_THREAD
            if engine.read("control") & CONTROL_SPSEL:
                exc_return |= EXC_RETURN_PSP
        stacked = self._push_frame(return_addr)
        if engine.read("control") & CONTROL_FPCA:
            exc_return &= ~EXC_RETURN_BASIC_FRAME
        self.active.append(number)
        engine.write("lr", exc_return)
        engine.write("xpsr", engine.read("xpsr") & 0xF80F_0000 | number)  # ITSTATE is cleared
        engine.write("control", engine.read("control") & ~CONTROL_FPCA)
        if not stacked:
            self._control.registers[scs.CFSR] |= CFSR_STKERR if self._control.is_mainline else 0
            if number != HARD_FAULT:
                derived = self.escalated(BUS_FAULT)
                self.active[-1] = derived
                engine.write("xpsr", engine.read("xpsr") & ~XPSR_IPSR | derived)
                number = derived
        self._go_to_vector(number)

    def leave(self, exc_return: int) -> bool:
        """Return from the innermost exception. False if EXC_RETURN is invalid, which is a UsageFault."""
        engine = self._engine
        to_thread = bool(exc_return & EXC_RETURN_THREAD)
        if not self.active or to_thread != (len(self.active) == 1) or exc_return >> 28 != 0xF:
            self._control.registers[scs.CFSR] |= CFSR_INVPC
            return False
        with_fp = not exc_return & EXC_RETURN_BASIC_FRAME
        stack = "psp" if exc_return & EXC_RETURN_PSP else "msp"
        frame_addr = engine.read(stack)
        size = FP_FRAME_BYTES if with_fp else FRAME_BYTES
        frame = _words(self._memory.read(frame_addr, size))  # MemoryFault is the caller's: UNSTKERR
        left = self.active.pop()
        if left != NMI and self._control.is_mainline:
            engine.write("faultmask", 0)
        xpsr = frame[7]
        engine.write(stack, frame_addr + size + (4 if xpsr & XPSR_ALIGNED else 0))
        for name, value in zip(FRAME_REGISTERS, frame, strict=False):
            engine.write(name, value)
        if with_fp:
            for number in range(16):
                engine.write(f"s{number}", frame[8 + number])
            engine.write("fpscr", frame[24])
        engine.write("xpsr", xpsr & XPSR_RESTORED & ~XPSR_IPSR | (self.active[-1] if self.active else 0))
        control = engine.read("control") & ~(CONTROL_SPSEL | CONTROL_FPCA)
        control |= CONTROL_SPSEL if to_thread and exc_return & EXC_RETURN_PSP else 0
        engine.write("control", control | (CONTROL_FPCA if with_fp else 0))
        engine.write("pc", frame[6] & ~1 | (xpsr >> 24 & 1))
        return True

    def _push_frame(self, return_addr: int) -> bool:
        engine = self._engine
        with_fp = bool(engine.read("control") & CONTROL_FPCA)
        sp, size = engine.read("sp"), FP_FRAME_BYTES if with_fp else FRAME_BYTES
        frame_addr = (sp - size) & ~7 & 0xFFFF_FFFF
        xpsr = engine.read("xpsr") & ~XPSR_ALIGNED | (XPSR_ALIGNED if sp & 4 else 0)
        words = [engine.read(name) for name in FRAME_REGISTERS] + [return_addr & ~1, xpsr]
        if with_fp:
            words += [engine.read(f"s{number}") for number in range(16)] + [engine.read("fpscr"), 0]
        engine.write("sp", frame_addr)
        data = b"".join(word.to_bytes(4, "little") for word in words)
        if not self._memory.is_ram(frame_addr, len(data)):
            return False
        self._memory.write(frame_addr, data)
        return True

    def _go_to_vector(self, number: int) -> None:
        try:
            vector = _words(self._memory.read(self._control.registers[scs.VTOR] + 4 * number, 4))[0]
        except MemoryFault:
            self._control.registers[scs.HFSR] |= HFSR_VECTTBL
            raise Lockup from None
        # Bit 0 is the Thumb bit; without it the first instruction of the handler faults, as on the core.
        self._engine.write("pc", vector)


def _words(data: bytes) -> Sequence[int]:
    return memoryview(data).cast("I")
