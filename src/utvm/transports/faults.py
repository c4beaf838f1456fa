"""What an M-profile core says about a fault, in words."""

from __future__ import annotations

from utvm.errors import DeviceFault, TransportError
from utvm.transports.base import StopReason, Transport

CFSR_ADDR, HFSR_ADDR, MMFAR_ADDR, BFAR_ADDR = 0xE000_ED28, 0xE000_ED2C, 0xE000_ED34, 0xE000_ED38
MMARVALID, BFARVALID = 1 << 7, 1 << 15
CFSR_BITS = {
    0: "instruction fetch from memory that may not be executed (IACCVIOL)",
    1: "data access that the MPU forbids (DACCVIOL)",
    3: "unstacking at an exception return hit forbidden memory (MUNSTKERR)",
    4: "stacking for an exception hit forbidden memory (MSTKERR)",
    5: "lazy floating-point stacking hit forbidden memory (MLSPERR)",
    8: "instruction fetch from where there is no memory (IBUSERR)",
    9: "data access to where there is no memory, or a write to flash (PRECISERR)",
    10: "earlier write to where there is no memory (IMPRECISERR)",
    11: "no stack to return from an exception with (UNSTKERR)",
    12: "no stack to enter an exception with: stack overflow? (STKERR)",
    13: "no stack for lazy floating-point stacking (LSPERR)",
    16: "undefined instruction (UNDEFINSTR)",
    17: "branch to an address without its Thumb bit (INVSTATE)",
    18: "invalid exception return (INVPC)",
    19: "floating-point or coprocessor instruction while CPACR disables it (NOCP)",
    20: "stack limit crossed (STKOF)",
    24: "unaligned access (UNALIGNED)",
    25: "division by zero (DIVBYZERO)",
}
HFSR_BITS = {
    1: "the vector table could not be read (VECTTBL)",
    30: "a fault whose own handler was not enabled (FORCED)",
    31: "breakpoint instruction without a debugger (DEBUGEVT)",
}


def decode_fault(cfsr: int, hfsr: int, mmfar: int = 0, bfar: int = 0) -> list[str]:
    """The causes that fault status registers hold, most telling first; empty if they hold none."""
    causes = []
    for bit, text in CFSR_BITS.items():
        if cfsr >> bit & 1:
            if bit in (8, 9, 10) and cfsr & BFARVALID:
                text += f" at {bfar:#010x}"
            elif bit < 2 and cfsr & MMARVALID:
                text += f" at {mmfar:#010x}"
            causes.append(text)
    return causes + [text for bit, text in HFSR_BITS.items() if hfsr >> bit & 1]


def device_fault(transport: Transport, stop: StopReason) -> DeviceFault:
    """The DeviceFault to raise for a stop of kind FAULT: cause in words, all registers and the fault status.

    A board that cannot tell (no fault status registers, or a connection that broke with the fault) gives the stop's own
    text and registers.
    """
    registers = dict(stop.registers)
    causes: list[str] = []
    try:
        if transport.capabilities.registers:
            registers |= transport.registers()
        if transport.capabilities.fault_status:
            words = memoryview(transport.read(CFSR_ADDR, BFAR_ADDR + 4 - CFSR_ADDR)).cast("I")
            status = {
                "cfsr": words[0],
                "hfsr": words[(HFSR_ADDR - CFSR_ADDR) // 4],
                "mmfar": words[(MMFAR_ADDR - CFSR_ADDR) // 4],
                "bfar": words[(BFAR_ADDR - CFSR_ADDR) // 4],
            }
            causes = decode_fault(**status)
            registers |= status
    except TransportError as error:
        causes.append(f"the board could not be asked for more: {error}")
    cause = "; ".join(causes) or stop.text or f"signal {stop.signal}"
    return DeviceFault(f"the code on the board faulted at pc {stop.pc:#010x}: {cause}", registers)
