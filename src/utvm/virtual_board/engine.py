"""The emulated core: Unicorn, the native hooks around it, and nothing that knows exceptions or debuggers."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import unicorn
from unicorn import arm_const as arm
from unicorn import unicorn_const as uc_const
from unicorn.unicorn_py3.unicorn import uclib

from utvm.boards import Core
from utvm.errors import BoardError, VirtualBoardError
from utvm.virtual_board.memory import PAGE_BYTES, HostRegion, Memory
from utvm.virtual_board.mpu import Denied
from utvm.virtual_board.native import load_native

CPU_MODELS = {
    "cortex-m0": arm.UC_CPU_ARM_CORTEX_M0,
    "cortex-m0plus": arm.UC_CPU_ARM_CORTEX_M0,  # same instructions; VTOR and the CPUID are ours
    "cortex-m3": arm.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm.UC_CPU_ARM_CORTEX_M4,
    "cortex-m7": arm.UC_CPU_ARM_CORTEX_M7,
    "cortex-m33": arm.UC_CPU_ARM_CORTEX_M33,
}
PERIPHERAL_BUS_ADDR = 0xE000_0000
PERIPHERAL_BUS_BYTES = 0x10_0000
NO_DEADLINE = (1 << 64) - 1


class Stop(IntEnum):
    """Why the core came back; the values are those of enum vb_stop."""

    HALTED = 0
    REQUESTED = 1
    EVENT = 2
    STEPPED = 3
    PENDING = 4
    EXCEPTION = 5
    MEMORY = 6
    TRAP = 7
    WATCH = 8
    UNDEFINED = 9
    ERROR = 10
    PAGE = 11


class Trap(IntEnum):
    """Instructions the core must look at first; the values are those of enum vb_trap."""

    FP = 1
    DOUBLE = 2
    DIVIDE = 4


@dataclass(frozen=True)
class EngineStop:
    """A stop and what belongs to it: the exception or trap number, or the access that failed or was watched."""

    reason: Stop
    detail: int = 0
    access: int = 0
    addr: int = 0
    size_bytes: int = 0


class CoreHead(ctypes.Structure):
    """The head of struct vb_core."""

    _fields_ = (
        ("instructions", ctypes.c_uint64),
        ("cycles", ctypes.c_uint64),
        ("deadline_cycles", ctypes.c_uint64),
        ("stop_wanted", ctypes.c_int32),
        ("poll_masks", ctypes.c_int32),
        ("ignore_watchpoints", ctypes.c_int32),
        ("detail", ctypes.c_int32),
        ("fault_type", ctypes.c_int32),
        ("fault_addr", ctypes.c_uint32),
        ("fault_size_bytes", ctypes.c_uint32),
        ("access_pc", ctypes.c_uint32),
    )


class DeniedRange(ctypes.Structure):
    """struct vb_denied."""

    _fields_ = (
        ("first_addr", ctypes.c_uint32),
        ("last_addr", ctypes.c_uint32),
        ("access", ctypes.c_uint32),
        ("hook", ctypes.c_size_t),
    )


_API = (
    "uc_hook_add", "uc_hook_del", "uc_emu_start", "uc_emu_stop", "uc_reg_read", "uc_context_alloc", "uc_context_save",
    "uc_context_restore", "uc_context_free", "uc_mmio_map", "uc_mem_protect", "uc_ctl",
)  # fmt: skip
_READ = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint32)
_WRITE = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint64)

PeripheralRead = Callable[[int, int], int]
PeripheralWrite = Callable[[int, int, int], None]


class Engine:
    """One core with its memories. Peripheral callbacks get an offset on the bus and a size in bytes."""

    def __init__(self, core: Core, memory: Memory, read: PeripheralRead, write: PeripheralWrite) -> None:
        if core.name not in CPU_MODELS:
            raise BoardError(
                f"the virtual board cannot emulate a {core.name}; it knows {', '.join(CPU_MODELS)}. "
                "Reach such a board through QEMU or a probe"
            )
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB)
        self._uc.ctl_set_cpu_model(CPU_MODELS[core.name])
        self._uc.ctl_exits_enabled(True)
        self._native = _declare(load_native(unicorn.__version__))
        # ctypes keeps no reference to callbacks: these must live as long as the core.
        self._callbacks = (_READ(read), _WRITE(write))
        api = (ctypes.c_void_p * len(_API))(
            *(ctypes.cast(getattr(uclib, name), ctypes.c_void_p).value for name in _API)
        )
        self._core = self._native.vb_create(self._uc._uch, api, *self._callbacks)
        if not self._core:
            raise VirtualBoardError("Unicorn refused its hooks; reinstall the `unicorn` package")
        self._trap_kinds = 0
        self._regions = memory.regions
        self._denied: Sequence[Denied] = ()
        self._hooked: set[Denied] = set()  # those in pages of which another part is in use
        self._head = CoreHead.from_address(self._core)
        # Unicorn gives blocks mapped in any other order the same internal addresses, and then takes every store into
        # one for a change of code in another.
        for item in sorted(memory.regions, key=lambda item: -item.region.size_bytes):
            region = item.region
            self._uc.mem_map_ptr(region.base_addr, region.size_bytes, _permissions(item), item.host_addr)
            self._native.vb_add_region(self._core, region.base_addr, region.size_bytes, item.host_addr)
        self._native.vb_map_peripherals(self._core, PERIPHERAL_BUS_ADDR, PERIPHERAL_BUS_BYTES)

    def map_registers(self, base_addr: int, size_bytes: int) -> None:
        """Serve a range by the peripheral callbacks too; they get its offset modulo 2^32."""
        if self._native.vb_map_peripherals(self._core, base_addr, size_bytes):
            raise VirtualBoardError(
                f"the registers at {base_addr:#010x} cannot be mapped; does a memory region overlap?"
            )

    def set_programs_flash(self, programs_flash: bool) -> None:
        """Whether a store into flash is carried out, instead of faulting."""
        self._native.vb_set_programs_flash(self._core, int(programs_flash))

    @property
    def native(self) -> tuple[ctypes.CDLL, int]:
        """The native library and the address of its core, for a door that reaches past this class."""
        return self._native, int(self._core)

    def run(self, *, step: bool = False) -> EngineStop:
        """Execute from the current PC until something happens; with `step`, at most one instruction."""
        head, reason = self._head, Stop.PAGE
        while reason is Stop.PAGE:
            thumb = (self.read("xpsr") >> 24) & 1
            reason = Stop(self._native.vb_run(self._core, self.read("pc") | thumb, int(step)))
            if reason is Stop.PAGE:
                self._share_page(head.fault_addr)
        if reason is Stop.REQUESTED:
            head.stop_wanted = 0
        return EngineStop(reason, head.detail, head.fault_type, head.fault_addr, head.fault_size_bytes)

    def request_stop(self) -> None:
        """Make a running core stop at the next basic block; callable from any thread, remembered if it comes early."""
        self._native.vb_request_stop(self._core)

    def forget_stop_request(self) -> None:
        """Drop a request that came too late to stop anything."""
        self._head.stop_wanted = 0

    @property
    def instructions(self) -> int:
        """Instructions executed since the start; exact while the core is stopped."""
        return int(self._head.instructions)

    @property
    def cycles(self) -> int:
        """Cycles of the timing model since the start; exact while the core is stopped."""
        return int(self._head.cycles)

    @property
    def cycles_at_access(self) -> int:
        """Cycles up to the load or store that is being served; only inside a peripheral callback."""
        return int(self._native.vb_cycles_at_access(self._core))

    def set_deadline(self, cycles: int | None) -> None:
        """Stop with Stop.EVENT once the counter reaches this; None for never."""
        self._head.deadline_cycles = NO_DEADLINE if cycles is None else cycles

    def sleep_until(self, cycles: int) -> None:
        """Let time pass without instructions."""
        self._head.cycles = max(self._head.cycles, cycles)

    def set_pending(self, pending: bool) -> None:
        """Whether to stop with Stop.PENDING as soon as PRIMASK and FAULTMASK are clear."""
        self._head.poll_masks = int(pending)

    def set_traps(self, traps: Iterable[Trap]) -> None:
        """Which instructions stop the core with Stop.TRAP (divisions only when dividing by zero)."""
        kinds = sum(traps)
        if kinds != self._trap_kinds:
            self._trap_kinds = kinds
            self._native.vb_set_traps(self._core, kinds)

    def set_denied(self, denied: Sequence[Denied]) -> None:
        """Stop with Stop.MEMORY at data accesses to these ranges; only while the core is stopped."""
        if denied == self._denied:
            return
        self._protect_pages(self._denied, denied)
        self._denied, self._hooked = denied, set()
        entries = [DeniedRange(span.first, span.end - 1, span.reads | span.writes << 1, 0) for span in denied]
        table = (DeniedRange * len(denied))(*entries)
        self._native.vb_set_denied(self._core, table, len(denied))

    def _share_page(self, addr: int) -> None:
        """Check by hooks from now on what is forbidden in a page of which another part is in use."""
        first = addr & -PAGE_BYTES
        for index, span in enumerate(self._denied):
            if span not in self._hooked and span.first < first + PAGE_BYTES and span.end > first:
                self._hooked.add(span)
                self._native.vb_hook_denied(self._core, index)
        self._protect_pages(self._denied, [span for span in self._denied if span not in self._hooked])

    def _protect_pages(self, before: Iterable[Denied], after: Iterable[Denied]) -> None:
        for item in self._regions:
            for span in before:
                self._protect(item, span, _permissions(item))
            for span in sorted(after, key=lambda span: span.reads):  # of ranges in one page the strictest comes last
                kept = 0 if span.reads else uc_const.UC_PROT_READ | uc_const.UC_PROT_EXEC
                self._protect(item, span, _permissions(item) & kept)

    def _protect(self, item: HostRegion, span: Denied, permissions: int) -> None:
        """Set the permissions of the pages of a memory that a range touches."""
        region = item.region
        first = max(span.first & -PAGE_BYTES, region.base_addr)
        end = min(span.end + PAGE_BYTES - 1 & -PAGE_BYTES, region.base_addr + region.size_bytes)
        if first < end:
            self._uc.mem_protect(first, end - first, permissions)

    def set_exits(self, addresses: set[int], fresh: Iterable[int]) -> None:
        """Stop before the instructions at these addresses; `fresh` are those not among the last call's."""
        self._uc.ctl_set_exits(sorted(addresses))
        for addr in fresh:
            self._uc.ctl_remove_cache(addr, addr + 2)

    def code_written(self, addr: int, size_bytes: int) -> None:
        """Tell that a debugger changed memory: translations of it are dropped."""
        if self._native.vb_touches_code(self._core, addr, size_bytes):
            self._native.vb_forget_code(self._core)

    def set_watchpoint(self, index: int, addr: int, size_bytes: int, *, reads: bool, writes: bool) -> None:
        """Stop before a load or store that touches the range. `index` counts from 0 to 3."""
        self._native.vb_add_watchpoint(self._core, index, addr, size_bytes, int(reads), int(writes))
        self._native.vb_forget_code(self._core)  # translations made without watchpoints do not look

    def clear_watchpoint(self, index: int) -> None:
        """Remove a watchpoint; nothing happens if there is none."""
        self._native.vb_remove_watchpoint(self._core, index)
        self._native.vb_forget_code(self._core)

    def ignore_watchpoints(self, ignore: bool) -> None:
        """Whether watchpoints are passed without stopping, to step over the one just hit."""
        self._head.ignore_watchpoints = int(ignore)

    def read(self, register: str) -> int:
        """A register's value, unsigned; names are those of REGISTERS."""
        return int(self._uc.reg_read(REGISTERS[register])) & (_MASK64 if register[0] == "d" else _MASK32)

    def write(self, register: str, value: int) -> None:
        """Set a register. Writing `pc` keeps Thumb state if bit 0 is set; `xpsr` sets every field."""
        # Unicorn writes all fields of the xPSR under this name only, and reads them under the plain one.
        self._uc.reg_write(arm.UC_ARM_REG_XPSR_NZCVQG if register == "xpsr" else REGISTERS[register], value)
        if register in ("xpsr", "control"):
            # Handler mode and privilege are cached by Unicorn; writing the flags makes it look again.
            self._uc.reg_write(arm.UC_ARM_REG_APSR_NZCV, self._uc.reg_read(arm.UC_ARM_REG_XPSR) & 0xF000_0000)


_MASK32 = (1 << 32) - 1
_MASK64 = (1 << 64) - 1
REGISTERS = {
    **{f"r{number}": arm.UC_ARM_REG_R0 + number for number in range(13)},
    "sp": arm.UC_ARM_REG_SP,
    "lr": arm.UC_ARM_REG_LR,
    "pc": arm.UC_ARM_REG_PC,
    "xpsr": arm.UC_ARM_REG_XPSR,
    "msp": arm.UC_ARM_REG_MSP,
    "psp": arm.UC_ARM_REG_PSP,
    "primask": arm.UC_ARM_REG_PRIMASK,
    "basepri": arm.UC_ARM_REG_BASEPRI,
    "faultmask": arm.UC_ARM_REG_FAULTMASK,
    "control": arm.UC_ARM_REG_CONTROL,
    "fpscr": arm.UC_ARM_REG_FPSCR,
    **{f"d{number}": arm.UC_ARM_REG_D0 + number for number in range(16)},
    **{f"s{number}": arm.UC_ARM_REG_S0 + number for number in range(32)},
}


def _permissions(item: HostRegion) -> int:
    permissions: int = uc_const.UC_PROT_READ
    permissions |= uc_const.UC_PROT_WRITE if item.region.kind == "ram" else 0
    return permissions | (uc_const.UC_PROT_EXEC if item.region.executable else 0)


def _declare(native: ctypes.CDLL) -> ctypes.CDLL:
    u32, pointer, integer = ctypes.c_uint32, ctypes.c_void_p, ctypes.c_int
    signatures: dict[str, tuple[object, tuple[object, ...]]] = {
        "vb_create": (pointer, (pointer, pointer, _READ, _WRITE)),
        "vb_add_region": (integer, (pointer, u32, u32, pointer)),
        "vb_map_peripherals": (integer, (pointer, u32, u32)),
        "vb_set_programs_flash": (None, (pointer, integer)),
        "vb_run": (integer, (pointer, u32, integer)),
        "vb_request_stop": (None, (pointer,)),
        "vb_forget_code": (None, (pointer,)),
        "vb_touches_code": (integer, (pointer, u32, u32)),
        "vb_cycles_at_access": (ctypes.c_uint64, (pointer,)),
        "vb_set_traps": (None, (pointer, u32)),
        "vb_add_watchpoint": (integer, (pointer, u32, u32, u32, integer, integer)),
        "vb_remove_watchpoint": (integer, (pointer, u32)),
        "vb_set_denied": (integer, (pointer, pointer, u32)),
        "vb_hook_denied": (integer, (pointer, u32)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(native, name)
        function.restype = result
        function.argtypes = list(arguments)
    return native
