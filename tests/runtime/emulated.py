"""An image on an emulated board, driven as a host drives it: inputs at UTVMMain, outputs at UTVMDone."""

from __future__ import annotations

import struct
from typing import Any

from utvm.boards import Board
from utvm.toolchain import Image
from utvm.virtual_board.machine import Machine

STOPS = ("UTVMMain", "UTVMDone", "UTVMFault")


class EmulatedImage:
    """A machine with the image in its flash, reset. RAM holds garbage, as after power-up."""

    def __init__(self, board: Board, image: Image) -> None:
        self.elf = image.elf
        self.machine = Machine(board)
        for region in board.regions:
            if region.kind == "ram":
                self.machine.write_memory(region.base_addr, b"\xa5" * region.size_bytes)
        for segment in image.elf.segments:
            self.machine.write_memory(segment.addr, segment.data)
        self.machine.reset()
        self._names = {self.elf.symbol(name).addr: name for name in STOPS}
        for addr in self._names:
            self.machine.set_breakpoint(addr)

    def run_to_stop(self) -> str:
        """Go on from the current breakpoint; the name of the next one that is met."""
        if self.machine.read_register("pc") in self._names:
            self.machine.step()
        self.machine.resume()
        pc = self.machine.read_register("pc")
        return self._names.get(pc, f"{pc:#010x}")

    def read(self, name: str, layout: str) -> tuple[Any, ...]:
        """The variable of that name, unpacked by a struct layout."""
        addr = self.elf.symbol(name).addr
        return struct.unpack(f"<{layout}", self.machine.read_memory(addr, struct.calcsize(f"<{layout}")))

    def read_bytes(self, name: str, end_name: str) -> bytes:
        """Memory between two symbols."""
        start, end = self.elf.symbol(name).addr, self.elf.symbol(end_name).addr
        return self.machine.read_memory(start, end - start)

    def write(self, name: str, layout: str, *values: int) -> None:
        """Set the variable of that name."""
        self.machine.write_memory(self.elf.symbol(name).addr, struct.pack(f"<{layout}", *values))
