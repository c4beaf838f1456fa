"""From what stopped the core to the fault the architecture defines for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unicorn import unicorn_const as uc_const

from utvm.virtual_board.engine import EngineStop, Stop, Trap
from utvm.virtual_board.exceptions import BUS_FAULT, MEM_MANAGE, USAGE_FAULT
from utvm.virtual_board.mpu import Denied
from utvm.virtual_board.target import StopKind

# CFSR
IACCVIOL, DACCVIOL, MMARVALID = 1 << 0, 1 << 1, 1 << 7
IBUSERR, PRECISERR, BFARVALID = 1 << 8, 1 << 9, 1 << 15
UNDEFINSTR, INVSTATE, INVPC, NOCP, STKOF, UNALIGNED, DIVBYZERO = (
    1 << 16,
    1 << 17,
    1 << 18,
    1 << 19,
    1 << 20,
    1 << 24,
    1 << 25,
)
# DEMCR vector catch
VC_MMERR, VC_NOCPERR, VC_CHKERR, VC_STATERR, VC_BUSERR, VC_INTERR, VC_HARDERR = (1 << bit for bit in range(4, 11))
VC_CORERESET = 1 << 0
VC_FAULTS = VC_MMERR | VC_NOCPERR | VC_CHKERR | VC_STATERR | VC_BUSERR | VC_INTERR | VC_HARDERR

# Unicorn's exception numbers
EXCP_SWI, EXCP_PREFETCH_ABORT, EXCP_DATA_ABORT, EXCP_BKPT, EXCP_EXCEPTION_EXIT = 2, 3, 4, 7, 8
EXCP_NOCP, EXCP_INVSTATE, EXCP_STKOF, EXCP_UNALIGNED = 17, 18, 19, 22


@dataclass(frozen=True)
class Fault:
    """An exception number, its CFSR bits, the vector catch bit that halts at it, and the address for MMFAR or BFAR."""

    number: int
    status: int
    catch: int
    kind: StopKind
    text: str
    addr: int | None = None


_EXECUTE_NEVER = Fault(
    MEM_MANAGE, IACCVIOL, VC_MMERR, StopKind.BUS_FAULT, "code at an address that may not be executed"
)
_UNDEFINED = Fault(USAGE_FAULT, UNDEFINSTR, VC_STATERR, StopKind.UNDEFINED, "undefined instruction")
_NO_THUMB = Fault(USAGE_FAULT, INVSTATE, VC_STATERR, StopKind.UNDEFINED, "branch to an address without its Thumb bit")
_NO_FPU = Fault(USAGE_FAULT, NOCP, VC_NOCPERR, StopKind.UNDEFINED, "floating point while CPACR disables it")
_DIVIDE = Fault(USAGE_FAULT, DIVBYZERO, VC_CHKERR, StopKind.DIVIDE_BY_ZERO, "division by zero")
_UNALIGNED = Fault(USAGE_FAULT, UNALIGNED, VC_CHKERR, StopKind.USAGE_FAULT, "unaligned access")
_STACK_LIMIT = Fault(USAGE_FAULT, STKOF, VC_STATERR, StopKind.USAGE_FAULT, "stack limit crossed")
INVALID_RETURN = Fault(USAGE_FAULT, INVPC, VC_INTERR, StopKind.USAGE_FAULT, "invalid exception return")

_TRAPS = {Trap.FP: _NO_FPU, Trap.DOUBLE: _UNDEFINED, Trap.DIVIDE: _DIVIDE}
_EXCEPTIONS = {
    EXCP_PREFETCH_ABORT: _EXECUTE_NEVER,
    EXCP_DATA_ABORT: _UNALIGNED,
    EXCP_NOCP: _NO_FPU,
    EXCP_INVSTATE: _NO_THUMB,
    EXCP_STKOF: _STACK_LIMIT,
    EXCP_UNALIGNED: _UNALIGNED,
}
_FETCHES = (uc_const.UC_MEM_FETCH_UNMAPPED, uc_const.UC_MEM_FETCH_PROT)
_WRITES = (uc_const.UC_MEM_WRITE_UNMAPPED, uc_const.UC_MEM_WRITE_PROT)


def fault_of(stop: EngineStop, denied: Sequence[Denied], *, in_thumb_state: bool) -> Fault | None:
    """The fault behind a stop; None if the stop is no fault. `denied` is what the MPU forbids."""
    if stop.reason is Stop.MEMORY:
        return _access_fault(stop, denied)
    if stop.reason is Stop.UNDEFINED:
        return _UNDEFINED if in_thumb_state else _NO_THUMB
    if stop.reason is Stop.TRAP:
        return _TRAPS[Trap(stop.detail)]
    if stop.reason is Stop.EXCEPTION:
        return _EXCEPTIONS.get(stop.detail)
    return None


def _access_fault(stop: EngineStop, denied: Sequence[Denied]) -> Fault:
    if stop.access == uc_const.UC_MEM_FETCH_PROT:
        return _EXECUTE_NEVER
    if stop.access in _FETCHES:
        return Fault(BUS_FAULT, IBUSERR, VC_BUSERR, StopKind.BUS_FAULT, f"instruction fetch from {stop.addr:#010x}")
    is_write = stop.access in _WRITES
    verb = "write to" if is_write else "read from"
    text = f"{verb} {stop.addr:#010x} ({stop.size_bytes} bytes)"
    if any(span.forbids(stop.addr, stop.size_bytes, is_write=is_write) for span in denied):
        text += ", which the MPU forbids"
        return Fault(MEM_MANAGE, DACCVIOL | MMARVALID, VC_MMERR, StopKind.BUS_FAULT, text, stop.addr)
    return Fault(BUS_FAULT, PRECISERR | BFARVALID, VC_BUSERR, StopKind.BUS_FAULT, text, stop.addr)
