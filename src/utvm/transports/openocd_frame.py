"""The state an M-profile core had before a fault, from the frame that exception entry stacked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

HARD_FAULT, USAGE_FAULT = 3, 6
XPSR_EXCEPTION, XPSR_ALIGNED = 0x1FF, 1 << 9
FIRST_EXC_RETURN = 0xFFFF_FF00
EXC_RETURN_PSP, EXC_RETURN_BASIC_FRAME = 1 << 2, 1 << 4
FRAME_REGISTERS = ("r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr")
FRAME_BYTES, FP_FRAME_BYTES = 0x20, 0x68


def registers_before_fault(registers: Mapping[str, int], read: Callable[[int, int], bytes]) -> dict[str, int]:
    """Registers of the code that faulted, if the core has just entered a fault handler; empty if it has not.

    `registers` has at least sp, lr and xpsr; `read` takes an address and a size in bytes. A chip's vector catch halts
    at the handler's first instruction, where pc and the scratch registers are no longer those of the culprit.
    """
    exc_return = registers["lr"]
    in_handler = HARD_FAULT <= registers["xpsr"] & XPSR_EXCEPTION <= USAGE_FAULT
    if not in_handler or exc_return < FIRST_EXC_RETURN:
        return {}
    frame_addr = registers.get("psp", 0) if exc_return & EXC_RETURN_PSP else registers["sp"]
    words = memoryview(read(frame_addr, FRAME_BYTES)).cast("I")
    before = dict(zip(FRAME_REGISTERS, words, strict=True))
    size = FRAME_BYTES if exc_return & EXC_RETURN_BASIC_FRAME else FP_FRAME_BYTES
    before["sp"] = frame_addr + size + (4 if before["xpsr"] & XPSR_ALIGNED else 0)
    return before
