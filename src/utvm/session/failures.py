"""What went wrong in a run, as errors that name the kernel, the place in the source and the cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from utvm.errors import DeviceFault, KernelError, TransportError, TransportTimeout
from utvm.session.device import Device, FaultyStop
from utvm.session.linking import LinkedModule
from utvm.session.sections import Sections
from utvm.session.source_lines import Place, find_place
from utvm.session.task_queue import HEADER, Reply
from utvm.transports import StopKind, device_fault

WORKSPACE_EXHAUSTED, BAD_FREE, WORKSPACE_LEAK, CANARY_CHANGED, DIVISION = -1001, -1002, -1003, -1004, -1005
"""Codes of utvm_session.h."""

# A store that left the stack may have gone this far below it.
_STACK_OVERSHOOT_BYTES = 65536


@dataclass(frozen=True)
class Code:
    """Everything loaded: where an address belongs, for messages."""

    board_name: str
    resident: Path
    modules: Sequence[LinkedModule]
    sections: Sections

    def place(self, pc: int) -> Place | None:
        """The function and line at an address."""
        module = next((module for module in self.modules if module.contains(pc)), None)
        return find_place(self.resident if module is None else module.path, pc)


def fault_error(device: Device, code: Code, kernel: str, faulty: FaultyStop) -> DeviceFault:
    """The DeviceFault for a run that stopped before its end; asks the board before it is reset."""
    stop, record = faulty.stop, faulty.record
    if record is not None:
        registers, cause = dict(record.registers), str(record)
    elif stop.kind is StopKind.FAULT:
        fault = device_fault(device.transport, stop)
        registers, cause = dict(fault.registers), str(fault)
    elif stop.kind is StopKind.BREAKPOINT:
        registers, cause = dict(stop.registers), f"a breakpoint instruction or abort at pc {stop.pc:#010x}"
    else:
        registers, cause = dict(stop.registers), f"the core stopped ({stop.kind.value}) at pc {stop.pc:#010x}"
    pc = registers.get("pc", stop.pc)
    place = code.place(pc) or code.place(registers.get("lr", 0) & ~1)
    sp = registers.get("sp")
    bottom = code.sections.stack_bottom_addr
    if sp is not None and bottom - _STACK_OVERSHOOT_BYTES <= sp < bottom:
        size_bytes = code.sections.stack.end_addr - bottom
        cause = f"stack overflow: sp is {sp:#010x}, below the stack of {size_bytes:,} bytes; {cause}"
    if _error_code(device) == DIVISION:
        cause = f"division by zero; {cause}"
    where = f" at {place}" if place is not None else ""
    return DeviceFault(f"{kernel} on {code.board_name} faulted{where}: {cause}", registers)


def timeout_error(device: Device, code: Code, kernel: str, timeout_s: float) -> TransportTimeout:
    """The TransportTimeout for a kernel that did not end; says where it was if the board can still tell."""
    where = ""
    if device.transport.capabilities.registers:
        try:
            pc = device.transport.registers()["pc"]
            place = code.place(pc)
            where = f", at {place}" if place is not None else f", at pc {pc:#010x}"
        except (TransportError, KeyError):
            pass  # nothing can be asked any more
    return TransportTimeout(
        f"{kernel} on {code.board_name} still ran after {timeout_s:g} s{where}; it was stopped. "
        "If it only needs longer, give the session a larger timeout_s"
    )


def kernel_error(device: Device, code: Code, kernel: str, status: int, skipped: int, reply: Reply) -> KernelError:
    """The KernelError for a status other than 0; `skipped` later calls were not run."""
    error, detail = reply.error, reply.detail
    size_bytes = code.sections.workspace_end_addr - code.sections.workspace.addr
    if error == WORKSPACE_EXHAUSTED:
        what = f"asked for {detail:,} bytes of workspace, more than is free of its {size_bytes:,}"
    elif error == BAD_FREE:
        what = f"freed workspace at {detail:#010x}, where no block is allocated"
    elif error == WORKSPACE_LEAK:
        what = f"left {detail:,} bytes of workspace allocated"
    elif error == CANARY_CHANGED:
        what = f"wrote where it may not: {device.describe_canary(detail)}"
    else:
        what = f"returned {status}"
    rest = f"; {skipped} later calls were not run" if skipped else ""
    return KernelError(f"{kernel} on {code.board_name} {what}{rest}", status)


def _error_code(device: Device) -> int:
    try:
        return int(HEADER.unpack(device.read_queue(0, HEADER.size))[2])
    except TransportError:
        return 0
