"""Run a firmware image from reset to its end, without a debugger."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from utvm.errors import VirtualBoardError
from utvm.toolchain.elf import Elf, Symbol
from utvm.virtual_board import system_control as scs
from utvm.virtual_board.machine import Machine
from utvm.virtual_board.memory import MemoryFault
from utvm.virtual_board.target import StopEvent, StopKind

ENDED, FAILED = 0, 1


@dataclass(frozen=True)
class FirmwareEnd:
    """How a firmware ended: the exit status, why in words ("" after an exit), what it executed."""

    status: int
    reason: str
    instructions: int
    cycles: int


def load_firmware(machine: Machine, image: Elf) -> None:
    """Store an image's segments and reset the core to its vector table.

    The table is at the start of the board's code region, or else at the start of a segment: an image in RAM brings its
    own. Raises VirtualBoardError for a segment without memory, and if there is no vector table.
    """
    for segment in image.segments:
        try:
            machine.write_memory(segment.addr, segment.data)
        except MemoryFault as error:
            raise VirtualBoardError(
                f"{image.path}: {machine.board.name} has no memory at {error.addr:#010x}; "
                "was it linked for another board?"
            ) from None
    machine.reset()
    usual = machine.control.registers[scs.VTOR]
    for addr in (usual, *(segment.addr for segment in image.segments)):
        if _is_vector_table(machine, image, addr):
            if addr != usual:
                _start_at(machine, addr)
            return
    raise VirtualBoardError(f"{image.path}: no vector table at {usual:#010x} nor at the start of a segment")


def run_firmware(machine: Machine, image: Elf, timeout_s: float) -> FirmwareEnd:
    """Run a loaded image until it exits, executes a breakpoint instruction, faults, or `timeout_s` have passed."""
    before = machine.instructions, machine.cycles
    machine.attach()  # so that faults and breakpoint instructions halt the core
    timer = threading.Timer(timeout_s, machine.request_halt)
    timer.daemon = True
    timer.start()
    try:
        event = machine.resume()
    finally:
        timer.cancel()
    status, reason = _judged(machine, image, event, timeout_s)
    return FirmwareEnd(status, reason, machine.instructions - before[0], machine.cycles - before[1])


def _judged(machine: Machine, image: Elf, event: StopEvent, timeout_s: float) -> tuple[int, str]:
    pc = machine.read_register("pc")
    function = _function_at(image.symbols, pc)
    where = f"{pc:#010x}, in {function}"
    if event.kind is StopKind.EXITED:
        return event.exit_status, ""
    if event.kind is StopKind.BREAKPOINT:
        return ENDED, f"breakpoint instruction at {where}"
    if event.kind is StopKind.INTERRUPT:
        return FAILED, f"still running after {timeout_s:g} s, at {where}"
    return FAILED, f"{event.kind.value}: {event.message}, in {function}; lr {machine.read_register('lr'):#010x}"


def _is_vector_table(machine: Machine, image: Elf, addr: int) -> bool:
    """A stack in RAM (its top may be just behind), and a Thumb address inside the image."""
    try:
        stack, reset = memoryview(machine.read_memory(addr, 8)).cast("I")
    except MemoryFault:
        return False
    in_image = any(segment.addr <= reset & ~1 < segment.addr + len(segment.data) for segment in image.segments)
    return bool(in_image and reset & 1 and machine.memory.is_ram(stack - 4, 4))


def _start_at(machine: Machine, vector_table_addr: int) -> None:
    stack, reset = memoryview(machine.read_memory(vector_table_addr, 8)).cast("I")
    machine.control.registers[scs.VTOR] = vector_table_addr
    machine.write_register("msp", stack & ~3)
    machine.write_register("pc", reset)


def _function_at(symbols: Mapping[str, Symbol], pc: int) -> str:
    """The closest function at or before an address; hand-written assembly has no sizes."""
    before = [
        symbol for symbol in symbols.values() if symbol.addr <= pc and (pc - symbol.addr < (symbol.size_bytes or 4096))
    ]
    return max(before, key=lambda symbol: (symbol.addr, symbol.size_bytes)).name if before else "no function"
