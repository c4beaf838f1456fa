"""Constants of a program in the device's memory: uploaded when a layer needs them, evicted when room is needed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Protocol

from utvm.codegen.program import Constant, Program
from utvm.errors import OutOfDeviceMemory
from utvm.session.memory import Block, DeviceMemory, heap_regions
from utvm.session.tensor import little_endian

if TYPE_CHECKING:
    from utvm.boards import Board


class ConstantHost(Protocol):
    """What the cache asks of its session."""

    board: Board
    memory: DeviceMemory

    def write_operand(self, addr: int, data: bytes) -> None:
        """Store bytes, after the queued calls that may use the memory."""


class ConstantCache:
    """Keeps what fits. Calls run in a cycle, so what is needed latest is evicted first."""

    def __init__(self, host: ConstantHost, program: Program) -> None:
        self._host, self._title = host, program.model
        self._constants: Mapping[str, Constant] = {constant.symbol: constant for constant in program.constants}
        self._call_count = len(program.calls)
        self._uses: dict[str, list[int]] = {}
        for index, call in enumerate(program.calls):
            for argument in call.arguments:
                if argument.kind == "constant":
                    self._uses.setdefault(argument.name, []).append(index)
        self._blocks: dict[str, Block] = {}
        self.uploaded_bytes = 0

    @property
    def resident_bytes(self) -> int:
        """Bytes of constants that are on the device now."""
        return sum(block.size_bytes for block in self._blocks.values())

    def place(self, symbols: Collection[str], call: int) -> dict[str, Block]:
        """Where the constants of one call are, after uploading those that are missing. Raises OutOfDeviceMemory."""
        for symbol in symbols:
            if symbol not in self._blocks:
                self._upload(symbol, symbols, call)
        return {symbol: self._blocks[symbol] for symbol in symbols}

    def drop(self, *, keep: Collection[str] = ()) -> None:
        """Evict everything but `keep`."""
        for symbol in [symbol for symbol in self._blocks if symbol not in keep]:
            self._host.memory.free(self._blocks.pop(symbol))

    def _upload(self, symbol: str, needed: Collection[str], call: int) -> None:
        constant = self._constants[symbol]
        while True:
            try:
                block = self._host.memory.allocate(
                    constant.size_bytes, heap_regions(self._host.board), "heap", f"constant {symbol} of {self._title}"
                )
                break
            except OutOfDeviceMemory as error:
                idle = [other for other in self._blocks if other not in needed]
                if not idle:
                    # A model's kernels are chosen for the board's flash; here their constants lie in RAM.
                    raise OutOfDeviceMemory(f"{error}; they are smaller with --max-flash") from error
                latest = max(idle, key=lambda other: self._next_use(other, call))
                self._host.memory.free(self._blocks.pop(latest))
        self._blocks[symbol] = block
        # Waits for queued calls that still read what lay there.
        self._host.write_operand(block.addr, little_endian(constant.data))
        self.uploaded_bytes += constant.size_bytes

    def _next_use(self, symbol: str, call: int) -> int:
        """How many calls from now the constant is needed again."""
        return min((use - call - 1) % self._call_count for use in self._uses[symbol])
