"""What QEMU's cores need around a call: exceptions that end where a breakpoint waits, and units that are switched on.

QEMU's GDB server tells of no fault: an exception is the guest's own business. So vectors are put into memory that is
kept for this (`Qemu.reserved_addr`); all of them lead to one place, the pad, where a breakpoint stands.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from utvm.boards import Board
from utvm.errors import TransportError
from utvm.transports.base import StopKind, StopReason
from utvm.transports.faults import BFAR_ADDR, CFSR_ADDR, HFSR_ADDR, MMFAR_ADDR, decode_fault

SIGSEGV, SIGTRAP = 11, 5
STUB_OFFSET, TABLE_OFFSET, PAD_OFFSET, STUB_END_OFFSET = 0x100, 0x180, 0x600, 0x700
PREPARE_TIMEOUT_S = 5.0
ARM_EXCEPTIONS = {2: "NMI", 3: "HardFault", 4: "MemManage fault", 5: "BusFault", 6: "UsageFault", 7: "SecureFault"}
RV32_CAUSES = {
    0: "jump to an odd address",
    1: "instruction fetch from where there is no memory",
    2: "undefined instruction",
    4: "unaligned read",
    5: "read from where there is no memory",
    6: "unaligned write",
    7: "write to where there is no memory (stack overflow?)",
    11: "environment call",
}


class Access(Protocol):
    """What a core uses of its transport."""

    def read(self, addr: int, size_bytes: int) -> bytes:
        """Bytes of memory."""

    def write(self, addr: int, data: bytes) -> None:
        """Store bytes."""

    def write_register(self, name: str, value: int) -> None:
        """Set a register."""

    def read_single(self, name: str) -> int:
        """A register that is not part of the usual set."""

    def execute(
        self, entry_addr: int, timeout_s: float, *, stop_addr: int | None = None, arguments: tuple[int, ...] = ()
    ) -> StopReason:
        """Call a function."""


@dataclass(frozen=True)
class CallRegisters:
    """Registers of the calling convention."""

    arguments: tuple[str, ...]
    stack: str
    link: str


class QemuCore(ABC):
    """A kind of core behind QEMU. `usual` are the registers that `registers()` gives."""

    call: CallRegisters
    usual: tuple[str, ...]
    has_fault_status = False

    def __init__(self, board: Board, reserved_addr: int) -> None:
        self.board, self.reserved_addr = board, reserved_addr
        self.pad_addr = reserved_addr + PAD_OFFSET

    @abstractmethod
    def install(self, access: Access) -> None:
        """Fill the reserved memory, once per process."""

    @abstractmethod
    def prepare(self, access: Access) -> None:
        """Bring the core into the state in which code is called, after every reset."""

    @abstractmethod
    def at_pad(self, access: Access, registers: Mapping[str, int]) -> StopReason:
        """The stop whose exception led to the pad; `registers` are those of the pad."""


class CortexM(QemuCore):
    """Armv6-M to Armv8.1-M."""

    call = CallRegisters(("r0", "r1", "r2", "r3"), "sp", "lr")
    usual = (*(f"r{number}" for number in range(13)), "sp", "lr", "pc", "xpsr")

    _VECTORS = 16
    _FRAME = ("r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr")
    _FRAME_BYTES, _FRAME_WITH_FPU_BYTES = 0x20, 0x68
    _EXC_RETURN_NO_FPU, _XPSR_PADDED = 1 << 4, 1 << 9
    _HARD_FAULT, _BKPT_HIGH_BYTE = 3, b"\xbe"
    # r0: (address, value) pairs, ended by a zero. next: ldmia r0!, {r1, r2}; cmp r1, #0; beq end; str r2, [r1];
    # b next; end: dsb; isb; bx lr
    _STORE_STUB = bytes.fromhex("06c8 0029 01d0 0a60 fae7 bff34f8f bff36f8f 7047")
    _ENDLESS = bytes.fromhex("fee7")
    _VTOR, _CCR, _SHCSR, _CPACR = 0xE000_ED08, 0xE000_ED14, 0xE000_ED24, 0xE000_ED88
    _MPU_CTRL, _MPU_RNR, _MPU_RBAR, _MPU_RASR = 0xE000_ED94, 0xE000_ED98, 0xE000_ED9C, 0xE000_EDA0
    # Armv7-M's protection unit forbids all below the SRAM: QEMU's MPS2 has memory there that ignores writes, so that
    # neither a null pointer nor a stack that overflows out of the SRAM would fault.
    _CORES_TO_GUARD = ("cortex-m3", "cortex-m4", "cortex-m7")
    _SRAM_ADDR = 0x2000_0000
    _NO_ACCESS_512_MB, _LAST_MPU_REGION, _MPU_ON = 1 << 28 | 28 << 1 | 1, 7, 5
    _STACKING_FAILED = 1 << 4 | 1 << 12
    _DIV_0_TRP, _FAULTS_ENABLE, _FPU_ENABLE = 1 << 4, 7 << 16, 0xF << 20

    def __init__(self, board: Board, reserved_addr: int) -> None:
        super().__init__(board, reserved_addr)
        self.has_fault_status = board.core.name not in ("cortex-m0", "cortex-m0plus")

    def install(self, access: Access) -> None:
        """Vectors, pad and stub; a Cortex-M0 takes its vectors from address 0 only."""
        stack_top = next(region for region in self.board.regions if region.kind == "ram").end_addr
        vectors = struct.pack(f"<{self._VECTORS}I", stack_top, *[self.pad_addr | 1] * (self._VECTORS - 1))
        access.write(self.pad_addr, self._ENDLESS)
        if not self.has_fault_status:
            access.write(0, vectors)
            return
        access.write(self.reserved_addr, vectors)
        access.write(self.reserved_addr + STUB_OFFSET, self._STORE_STUB)
        access.write(self.reserved_addr + STUB_END_OFFSET, self._ENDLESS)
        ccr = int.from_bytes(access.read(self._CCR, 4), "little")
        stores = {self._VTOR: self.reserved_addr, self._CCR: ccr | self._DIV_0_TRP, self._SHCSR: self._FAULTS_ENABLE}
        if self.board.core.fpu is not None:
            stores[self._CPACR] = self._FPU_ENABLE
        lowest_addr = min(region.base_addr for region in self.board.regions)
        if self.board.core.name in self._CORES_TO_GUARD and lowest_addr >= self._SRAM_ADDR:
            stores |= {self._MPU_RNR: self._LAST_MPU_REGION, self._MPU_RBAR: 0}
            stores |= {self._MPU_RASR: self._NO_ACCESS_512_MB, self._MPU_CTRL: self._MPU_ON}
        words = [word for pair in stores.items() for word in pair]
        access.write(self.reserved_addr + TABLE_OFFSET, struct.pack(f"<{len(words) + 2}I", *words, 0, 0))

    def prepare(self, access: Access) -> None:
        """Vectors, division by zero, fault handlers, FPU: the core's own registers, which only its code can write."""
        if not self.has_fault_status:
            return
        stub = self.reserved_addr + STUB_OFFSET
        end = self.reserved_addr + STUB_END_OFFSET
        stop = access.execute(
            stub | 1, PREPARE_TIMEOUT_S, stop_addr=end, arguments=(self.reserved_addr + TABLE_OFFSET,)
        )
        if stop.pc != end:
            raise TransportError(f"{self.board.name}: the core could not be prepared; it stopped at {stop.pc:#010x}")

    def at_pad(self, access: Access, registers: Mapping[str, int]) -> StopReason:
        """The exception's name, and the registers from the frame that the core pushed."""
        number = registers["xpsr"] & 0x1FF
        name = ARM_EXCEPTIONS.get(number, f"exception {number}")
        causes, cfsr = list[str](), 0
        if self.has_fault_status:
            cfsr, hfsr, mmfar, bfar = (
                int.from_bytes(access.read(addr, 4), "little") for addr in (CFSR_ADDR, HFSR_ADDR, MMFAR_ADDR, BFAR_ADDR)
            )
            causes = decode_fault(cfsr, hfsr, mmfar, bfar)
        before = self._before(access, registers) if not cfsr & self._STACKING_FAILED else None
        if before is None:
            text = "; ".join([name, *causes, "stack overflow?"])
            return StopReason(StopKind.FAULT, 0, SIGSEGV, {**registers, "pc": 0}, text)
        if number == self._HARD_FAULT and cfsr == 0 and self._is_breakpoint(access, before["pc"]):
            return StopReason(StopKind.BREAKPOINT, before["pc"], SIGTRAP, before)
        return StopReason(StopKind.FAULT, before["pc"], SIGSEGV, before, "; ".join([name, *causes]))

    def _is_breakpoint(self, access: Access, pc: int) -> bool:
        """Whether the instruction is BKPT, which escalates to a HardFault that QEMU does not mark as such."""
        try:
            return access.read(pc + 1, 1) == self._BKPT_HIGH_BYTE
        except TransportError:
            return False

    def _before(self, access: Access, registers: Mapping[str, int]) -> dict[str, int] | None:
        """Registers as the exception found them, from the frame on the stack; None if there is none."""
        sp = registers["sp"]
        try:
            frame = struct.unpack("<8I", access.read(sp, self._FRAME_BYTES))
        except TransportError:
            return None
        before = {**registers, **dict(zip(self._FRAME, frame, strict=True))}
        size = self._FRAME_BYTES if registers["lr"] & self._EXC_RETURN_NO_FPU else self._FRAME_WITH_FPU_BYTES
        before["sp"] = sp + size + (4 if before["xpsr"] & self._XPSR_PADDED else 0)
        return before


class Rv32(QemuCore):
    """RV32 in machine mode."""

    call = CallRegisters(("a0", "a1", "a2", "a3"), "sp", "ra")
    usual = (
        *("zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "fp", "s1"),
        *(f"a{number}" for number in range(8)),
        *(f"s{number}" for number in range(2, 12)),
        *("t3", "t4", "t5", "t6", "pc"),
    )

    _ENDLESS = bytes.fromhex("6f000000")
    _INTERRUPT, _BREAKPOINT = 1 << 31, 3
    # Physical memory protection: nothing at null pointers, and nothing below RAM, where a stack overflows to.
    _NULL_GUARD_BYTES, _STACK_GUARD_BYTES = 0x1000, 0x10_0000
    _NO_ACCESS_LOCKED = 0x98  # locked (also for machine mode), a naturally aligned power of two, no permission

    def install(self, access: Access) -> None:
        """The pad."""
        access.write(self.pad_addr, self._ENDLESS)

    def prepare(self, access: Access) -> None:
        """Traps to the pad; guards."""
        ram = next(region for region in self.board.regions if region.kind == "ram")
        access.write_register("mtvec", self.pad_addr)
        config = 0
        guards = {0: self._NULL_GUARD_BYTES, ram.base_addr - self._STACK_GUARD_BYTES: self._STACK_GUARD_BYTES}
        for index, (base, size_bytes) in enumerate(guards.items()):
            access.write_register(f"pmpaddr{index}", (base | (size_bytes // 2 - 1)) >> 2)
            config |= self._NO_ACCESS_LOCKED << 8 * index
        access.write_register("pmpcfg0", config)

    def at_pad(self, access: Access, registers: Mapping[str, int]) -> StopReason:
        """The trap's cause; general registers are as the trap found them."""
        status = {name: access.read_single(name) for name in ("mcause", "mepc", "mtval")}
        cause, pc = status["mcause"], status["mepc"]
        before = {**registers, **status, "pc": pc}
        if cause == self._BREAKPOINT:
            return StopReason(StopKind.BREAKPOINT, pc, SIGTRAP, before)
        if cause & self._INTERRUPT:
            text = f"interrupt {cause & ~self._INTERRUPT}"
        else:
            text = RV32_CAUSES.get(cause, f"exception {cause}")
            if cause in (1, 4, 5, 6, 7):
                text += f" at {status['mtval']:#010x}"
        return StopReason(StopKind.FAULT, pc, SIGSEGV, before, text)


def qemu_core(board: Board, reserved_addr: int) -> QemuCore:
    """The core of a board behind QEMU."""
    return (Rv32 if board.core.name.startswith("rv32") else CortexM)(board, reserved_addr)
