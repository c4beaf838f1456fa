"""`utvm_fault` as the trap handler of RV32 leaves it, decoded."""

from __future__ import annotations

import struct

from utvm.runtime.fault_record import FaultRecord

_FIELDS = ("recorded", "mepc", "mtval", "mcause", "ra", "sp", "a0", "a1", "a2", "a3", "a4", "a5")
_LAYOUT = struct.Struct(f"<{len(_FIELDS)}I")

RV32_FAULT_RECORD_BYTES = _LAYOUT.size
"""Size of `utvm_rv32_fault_record` in utvm_rv32_fault.h."""

_INTERRUPT = 1 << 31
_ACCESS_CAUSES = (0, 1, 4, 5, 6, 7)
_CAUSES = {
    0: "jump to an odd address",
    1: "instruction fetch from an address without memory",
    2: "undefined instruction",
    3: "breakpoint instruction",
    4: "unaligned read",
    5: "read from an address without memory",
    6: "unaligned write",
    7: "write to an address without memory",
    11: "environment call",
}


def decode_rv32_fault(contents: bytes) -> FaultRecord | None:
    """The trap in the RV32_FAULT_RECORD_BYTES bytes of `utvm_fault`, or None if none was recorded."""
    values = dict(zip(_FIELDS, _LAYOUT.unpack(contents), strict=True))
    if not values.pop("recorded"):
        return None
    cause = values["mcause"]
    known = _CAUSES.get(cause) if not cause & _INTERRUPT else None
    registers = values | {"pc": values["mepc"]}
    return FaultRecord(
        registers,
        f"interrupt {cause & ~_INTERRUPT}" if cause & _INTERRUPT else f"exception {cause}",
        (known,) if known else (),
        values["mtval"] if cause in _ACCESS_CAUSES else None,
    )
