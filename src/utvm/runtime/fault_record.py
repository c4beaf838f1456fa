"""`utvm_fault` as the fault handler leaves it, decoded."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_FIELDS = (
    "exception",
    "exc_return",
    "sp",
    "r0",
    "r1",
    "r2",
    "r3",
    "r12",
    "lr",
    "pc",
    "xpsr",
    "cfsr",
    "hfsr",
    "mmfar",
    "bfar",
)
_LAYOUT = struct.Struct(f"<{len(_FIELDS)}I")

FAULT_RECORD_BYTES = _LAYOUT.size
"""Size of `utvm_fault_record` in utvm_fault.h."""

_EXCEPTIONS = {
    2: "NMI",
    3: "HardFault",
    4: "MemManage fault",
    5: "BusFault",
    6: "UsageFault",
    7: "SecureFault",
    11: "SVCall",
    12: "debug monitor",
    14: "PendSV",
}

# Bits of the configurable fault status register, Armv7-M and Armv8-M.
_CFSR_CAUSES = {
    0: "instruction fetch from a protected address",
    1: "access to a protected address",
    3: "protection error while leaving an exception",
    4: "protection error while entering an exception",
    5: "protection error while saving the FPU's registers",
    8: "instruction fetch from an address without memory",
    9: "access to an address without memory",
    10: "late bus error of an earlier write",
    11: "bus error while leaving an exception",
    12: "bus error while entering an exception: is the stack too small?",
    13: "bus error while saving the FPU's registers",
    16: "undefined instruction",
    17: "jump to an address without the Thumb bit",
    18: "wrong return from an exception",
    19: "use of an FPU that is off or missing",
    20: "stack overflow",
    24: "unaligned access",
    25: "division by zero",
}
_MMFAR_VALID = 1 << 7
_BFAR_VALID = 1 << 15


@dataclass(frozen=True)
class FaultRecord:
    """A fault of the device: its registers by their names in utvm_fault.h, and what they say."""

    registers: dict[str, int]
    exception: str
    causes: tuple[str, ...]
    fault_addr: int | None
    """Address of the failed access, where the core kept it."""

    def __str__(self) -> str:
        address = "" if self.fault_addr is None else f" at address {self.fault_addr:#010x}"
        causes = "; ".join(self.causes) or "the core does not say why"
        return f"{self.exception} at pc {self.registers['pc']:#010x}: {causes}{address}"


def decode_fault(contents: bytes) -> FaultRecord | None:
    """The fault in the FAULT_RECORD_BYTES bytes of `utvm_fault`, or None if no fault was recorded."""
    registers = dict(zip(_FIELDS, _LAYOUT.unpack(contents), strict=True))
    number, cfsr = registers["exception"], registers["cfsr"]
    if number == 0:
        return None
    exception = _EXCEPTIONS.get(number, f"interrupt {number - 16}" if number >= 16 else f"exception {number}")
    causes = tuple(text for bit, text in _CFSR_CAUSES.items() if cfsr >> bit & 1)
    fault_addr = None
    if cfsr & _MMFAR_VALID:
        fault_addr = registers["mmfar"]
    elif cfsr & _BFAR_VALID:
        fault_addr = registers["bfar"]
    return FaultRecord(registers, exception, causes, fault_addr)
