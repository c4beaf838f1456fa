"""A program's image on a board: loaded, started, run from place to place, its tensors read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from utvm.boards import Board
from utvm.codegen.model_source import arena_name
from utvm.codegen.program import PlacedTensor, Program
from utvm.errors import DeviceFault, UsageError
from utvm.model.tensor import Array
from utvm.runtime import FaultRecord, decode_fault, stack_used_bytes
from utvm.runtime.rv32_fault_record import decode_rv32_fault
from utvm.session.tensor import little_endian
from utvm.toolchain import Image
from utvm.toolchain.linker_script import boot_region
from utvm.transports import StopKind, StopReason, Transport, device_fault


class ImageOnBoard:
    """The image, loaded through a transport and halted at its reset vector. The transport is the caller's to close."""

    def __init__(self, program: Program, board: Board, image: Image, transport: Transport) -> None:
        self.program, self.board, self.image, self.transport = program, board, image, transport
        transport.load_image((segment.addr, segment.data) for segment in image.elf.segments)
        self.restart()

    def restart(self) -> None:
        """Reset the core: also the way out of a fault or a time-out."""
        self.transport.reset()
        self._is_started = False

    def run_to(self, function: str, timeout_s: float) -> None:
        """Go on until the core is at the start of a function. Raises DeviceFault or TransportTimeout."""
        self.check_at(function, self.resume_to(function, timeout_s))

    def check_at(self, function: str, stop: StopReason) -> None:
        """Raise DeviceFault unless the core stopped at the start of the function."""
        if stop.kind is not StopKind.BREAKPOINT or stop.pc != self.image.elf.symbol(function).addr:
            raise self.fault(stop)

    def resume_to(self, function: str, timeout_s: float) -> StopReason:
        """The same, and why the core stopped, there or elsewhere."""
        stops = [self.image.elf.symbol(name).addr for name in (function, "UTVMFault")]
        if self._is_started:
            return self.transport.resume(stops, timeout_s=timeout_s)
        return self._start(stops, timeout_s)

    def fault(self, stop: StopReason) -> DeviceFault:
        """What happened instead, from the core or from what the fault handler wrote down; named by its function."""
        record = self._fault_record()
        if record is not None:
            where, registers, text = record.registers["pc"], record.registers, str(record)
        else:
            fault = device_fault(self.transport, stop)
            where, registers, text = stop.pc, fault.registers, str(fault)
        return DeviceFault(
            f"{self.program.model} on {self.board.name}, in {self._function_at(where)}: {text}", registers
        )

    def feed(self, inputs: Mapping[str, Array], timeout_s: float) -> None:
        """Go to where the program waits for its inputs, and write them, by name."""
        values = self._values(inputs)
        self.run_to("UTVMMain", timeout_s)
        for name, data in values.items():
            self.write(name, data)

    def write_inputs(self, inputs: Mapping[str, Array]) -> None:
        """Write the program's inputs where the core has halted for them."""
        for name, data in self._values(inputs).items():
            self.write(name, data)

    def write(self, name: str, data: bytes) -> None:
        """Set the bytes of a tensor."""
        self.transport.write(self._addr(self.program.tensor(name)), data)

    def reset_states(self) -> None:
        """Give the states their initial values again; an image that has not started will do so itself."""
        for state in self.program.states if self._is_started else ():
            self.write(state.tensor, little_endian(self.program.initial_value(state)))

    def tensor(self, name: str) -> Array:
        """The value of a tensor."""
        tensor = self.program.tensor(name)
        data = self.transport.read(self._addr(tensor), tensor.size_bytes)
        return (
            np.frombuffer(data, dtype=np.dtype(tensor.dtype).newbyteorder("<"))
            .astype(tensor.dtype)
            .reshape(tensor.shape)
        )

    def integers(self, name: str, dtype: type[np.generic]) -> Array:
        """The integers under a symbol of the image."""
        symbol = self.image.elf.symbol(name)
        data = self.transport.read(symbol.addr, symbol.size_bytes)
        return np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<"))

    def set_integer(self, name: str, value: int) -> None:
        """Set an integer under a symbol of the image."""
        symbol = self.image.elf.symbol(name)
        self.transport.write(symbol.addr, value.to_bytes(symbol.size_bytes, "little", signed=True))

    def stack_bytes(self) -> int:
        """The deepest use of the stack since the start."""
        bottom = self.image.elf.symbol("utvm_stack_bottom").addr
        top = self.image.elf.symbol("utvm_stack_top").addr
        return stack_used_bytes(self.transport.read(bottom, top - bottom))

    def _values(self, inputs: Mapping[str, Array]) -> dict[str, bytes]:
        return {name: _checked(self.program.tensor(name), inputs.get(name)).tobytes() for name in self.program.inputs}

    def _start(self, stops: Sequence[int], timeout_s: float) -> StopReason:
        """Go to the first of these addresses from where the board starts: by its vectors, or at an entry in RAM."""
        self._is_started = True
        if boot_region(self.board).kind == "flash":
            return self.transport.resume(stops, timeout_s=timeout_s)
        for addr in stops:
            self.transport.set_breakpoint(addr)
        stop = self.transport.execute(self.image.elf.entry_addr, timeout_s)
        for addr in stops:
            self.transport.clear_breakpoint(addr)
        return stop

    def _fault_record(self) -> FaultRecord | None:
        symbol = self.image.elf.symbols.get("utvm_fault")
        if symbol is None:
            return None
        decode = decode_rv32_fault if self.board.core.name.startswith("rv32") else decode_fault
        return decode(self.transport.read(symbol.addr, symbol.size_bytes))

    def _function_at(self, pc: int) -> str:
        for symbol in self.image.elf.symbols.values():
            if symbol.addr <= pc < symbol.addr + symbol.size_bytes:
                return symbol.name
        return f"no function of the image (pc {pc:#010x})"

    def _addr(self, tensor: PlacedTensor) -> int:
        return self.image.elf.symbol(arena_name(tensor.region)).addr + tensor.offset


def _checked(tensor: PlacedTensor, value: Array | None) -> Array:
    if value is None:
        raise UsageError(f"no value for input {tensor.name}")
    if value.shape != tensor.shape or value.dtype.name != tensor.dtype:
        raise UsageError(
            f"input {tensor.name} wants {tensor.dtype}{list(tensor.shape)}, not {value.dtype.name}{list(value.shape)}"
        )
    return np.ascontiguousarray(value).astype(np.dtype(tensor.dtype).newbyteorder("<"))
