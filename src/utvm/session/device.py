"""The board as the session drives it: the resident runtime loaded, runs of the queue, recovery after a fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from utvm.boards import Board
from utvm.errors import TransportError
from utvm.runtime import FAULT_RECORD_BYTES, FaultRecord, decode_fault, stack_used_bytes
from utvm.runtime.rv32_fault_record import RV32_FAULT_RECORD_BYTES, decode_rv32_fault
from utvm.runtime.stack_mark import STACK_PAINT_BYTE
from utvm.session.linking import LinkedModule, bss_ranges
from utvm.session.resident import CANARIES, DONE, ENTRY, FAULT, FAULT_RECORD, Resident
from utvm.session.sections import CANARY, NULL_CANARY_ADDRS, Sections
from utvm.session.target import Target
from utvm.transports import StopKind, StopReason, Transport


@dataclass(frozen=True)
class FaultyStop:
    """A run that did not reach its end: the stop, and what the runtime's fault handler wrote down, if it ran."""

    stop: StopReason
    record: FaultRecord | None


class Device:
    """Owns the transport from opening to closing. Addresses are the device's."""

    def __init__(
        self, transport: Transport, board: Board, target: Target, resident: Resident, sections: Sections
    ) -> None:
        self.transport = transport
        self._board, self._target, self._resident, self._sections = board, target, resident, sections
        self._entry_addr = resident.addr(ENTRY)
        self._done_addr = resident.addr(DONE)
        self._fault_addr = resident.addr(FAULT)
        self._canaries: list[int] = [*sections.canary_addrs]
        if any(region.base_addr == 0 and region.kind == "ram" for region in board.regions):
            self._canaries += NULL_CANARY_ADDRS

    def start(self) -> None:
        """Halt the board, load the runtime, paint the stack, set canaries and breakpoints."""
        self.transport.reset()
        self._load_resident()
        stack = self._sections.stack
        painted = stack.end_addr - self._sections.stack_bottom_addr
        self.transport.write(self._sections.stack_bottom_addr, bytes([STACK_PAINT_BYTE]) * painted)
        if self.transport.capabilities.breakpoints:
            for addr in (self._done_addr, self._fault_addr):
                self.transport.set_breakpoint(addr)

    def load(self, module: LinkedModule) -> None:
        """Send a module's sections."""
        for segment in module.segments:
            self.transport.write(segment.addr, segment.data)
        for addr, size_bytes in module.zeroed:
            self.transport.write(addr, bytes(size_bytes))

    def run(self, queue: bytes, timeout_s: float) -> FaultyStop | None:
        """Write the queue and run it; None when it came to its end, whatever the tasks returned."""
        self.transport.write(self._sections.queue_addr, queue)
        stop = self.transport.execute(self._entry_addr, timeout_s)
        if stop.kind is StopKind.BREAKPOINT and stop.pc & ~1 == self._done_addr & ~1:
            return None
        record = None
        if stop.kind is StopKind.BREAKPOINT and stop.pc & ~1 == self._fault_addr & ~1:
            record = self._fault_record()
        return FaultyStop(stop, record)

    def read_queue(self, before_bytes: int, size_bytes: int) -> bytes:
        """The queue as the device left it: so many bytes before its header, and from there on."""
        return self.transport.read(self._sections.queue_addr - before_bytes, before_bytes + size_bytes)

    def recover(self, modules: Sequence[LinkedModule]) -> None:
        """Make the board usable after a fault, a time-out or a broken connection.

        Wild code may have written anywhere, so runtime and modules are sent again, their variables as at loading.
        Tensors keep what they hold.
        """
        self.transport.reset()
        self._load_resident()
        for module in modules:
            self.load(module)

    def restore_canaries(self) -> None:
        """Set them again, after one was overwritten."""
        value = CANARY.to_bytes(4, "little")
        for addr in self._canaries:
            self.transport.write(addr, value)

    def stack_used_bytes(self) -> int:
        """Deepest use of the stack since the session was opened."""
        bottom = self._sections.stack_bottom_addr
        return stack_used_bytes(self.transport.read(bottom, self._sections.stack.end_addr - bottom))

    def describe_canary(self, addr: int) -> str:
        """What was overrun when the canary at that address changed."""
        if addr in NULL_CANARY_ADDRS:
            return f"a null pointer was written through (address {addr:#x})"
        names = dict(zip(self._sections.canary_addrs, ("stack", "task queue", "workspace"), strict=True))
        what = names.get(addr, "a section")
        side = "below" if what == "stack" else "behind"
        return f"memory {side} the {what} was overwritten (the canary at {addr:#010x} changed)"

    def _load_resident(self) -> None:
        for segment in self._resident.elf.segments:
            self.transport.write(segment.addr, segment.data)
        for addr, size_bytes in bss_ranges(self._resident.elf):
            self.transport.write(addr, bytes(size_bytes))
        self.restore_canaries()
        words = [len(self._canaries), *self._canaries]
        table = b"".join(word.to_bytes(self._target.word_bytes, "little") for word in words)
        self.transport.write(self._resident.addr(CANARIES), table)

    def _fault_record(self) -> FaultRecord | None:
        decoders: dict[str, tuple[int, Callable[[bytes], FaultRecord | None]]] = {
            "arm": (FAULT_RECORD_BYTES, decode_fault),
            "rv32": (RV32_FAULT_RECORD_BYTES, decode_rv32_fault),
        }
        if self._target.architecture not in decoders:
            return None
        size_bytes, decode = decoders[self._target.architecture]
        try:
            return decode(self.transport.read(self._resident.addr(FAULT_RECORD), size_bytes))
        except TransportError:
            return None  # the stop itself is still reported
