"""Run a program as a standalone image: flashed, started, stopped around each run to exchange inputs and outputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np

from utvm.boards import Board
from utvm.codegen.model_source import compiled_files, source_files
from utvm.codegen.program import PlacedTensor, Program
from utvm.errors import DeviceFault, UsageError
from utvm.model.tensor import Array
from utvm.runtime import FaultRecord, decode_fault, stack_used_bytes
from utvm.runtime.rv32_fault_record import decode_rv32_fault
from utvm.session.profile import Profile, read_code
from utvm.toolchain import Compiler, Image, ImageSizes, build_image, find_compiler
from utvm.toolchain.linker_script import boot_region
from utvm.transports import (
    CycleCounting,
    StopKind,
    StopReason,
    Transport,
    VirtualBoardTransport,
    device_fault,
    open_transport,
)
from utvm.transports.virtual import DEFAULT_COUNTING

Prefer = Literal["auto", "gcc", "zig"]
Stage = Callable[[str], None]

DEFAULT_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Run:
    """One run's outputs by name, core cycles in all and per call of the program, and the deepest stack use in bytes.

    `cycles_kind` says in words what the cycles are: the board's own, or those of which model.
    """

    outputs: dict[str, Array]
    cycles: int
    layer_cycles: tuple[int, ...]
    stack_bytes: int
    cycles_kind: str


def build_program_image(program: Program, board: Board, build_dir: Path, compiler: Compiler) -> Image:
    """Compile the program's C with the standalone runtime and link it for the board, layers measured."""
    source_dir = build_dir / "source"
    source_dir.mkdir(parents=True, exist_ok=True)
    for name, text in source_files(program).items():
        (source_dir / name).write_text(text, encoding="utf-8")
    sources = [source_dir / name for name in compiled_files(program)]
    return build_image(board, compiler, sources, [source_dir], build_dir, defines=("UTVM_PROFILE",))


class StandaloneSession:
    """A board with the program's image on it; use as a context manager.

    Without `transport` the board is reached as its file says (`hosted.comms`), mostly as a virtual twin that is started
    and ended with the session. `progress` is told each stage as it begins.
    """

    def __init__(
        self,
        program: Program,
        board: Board,
        prefer: Prefer = "auto",
        progress: Stage | None = None,
        transport: Transport | None = None,
        counting: CycleCounting = DEFAULT_COUNTING,
    ) -> None:
        if program.board != board.name:
            raise UsageError(f"the program was compiled for {program.board}, not for {board.name}; compile it again")
        self.program = program
        self.board = board
        self.compiler = find_compiler(board, prefer)
        stage = progress or _silent
        self._stack = ExitStack()
        try:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="utvm-")))
            stage(f"Building the image with {self.compiler.kind}")
            self.image = build_program_image(program, board, folder, self.compiler)
            stage(f"Starting {board.title}")
            opened = open_transport(board, counting=counting) if transport is None else transport
            self._transport = self._stack.enter_context(opened)
            stage("Loading the image")
            self._transport.load_image((segment.addr, segment.data) for segment in self.image.elf.segments)
            self._transport.reset()
            self._is_started = False
        except BaseException:
            self._stack.close()
            raise

    @property
    def sizes(self) -> ImageSizes:
        """Bytes of the image by kind."""
        return self.image.sizes

    def run(self, inputs: Mapping[str, Array], timeout_s: float = DEFAULT_TIMEOUT_S) -> Run:
        """One run on inputs by name, each of its tensor's shape and dtype. Raises DeviceFault or TransportTimeout."""
        self._feed(inputs, timeout_s)
        self._run_to("UTVMDone", timeout_s)
        return self._result()

    def profile(self, inputs: Mapping[str, Array], timeout_s: float = DEFAULT_TIMEOUT_S) -> Profile:
        """One run, and every basic block that ran in it. UsageError unless the board is a virtual one."""
        transport = self._transport
        if not isinstance(transport, VirtualBoardTransport):
            raise UsageError(f"only a virtual board counts basic blocks, not a {type(transport).__name__}")
        self._feed(inputs, timeout_s)
        transport.start_profile()
        self._run_to("UTVMDone", timeout_s)
        blocks = transport.stop_profile()
        return Profile(self._result(), blocks, read_code(transport, blocks))

    def _feed(self, inputs: Mapping[str, Array], timeout_s: float) -> None:
        """Go to where the program waits for its inputs, and write them."""
        values = {name: _checked(self.program.tensor(name), inputs.get(name)) for name in self.program.inputs}
        self._run_to("UTVMMain", timeout_s)
        for name, value in values.items():
            self._transport.write(self._addr(self.program.tensor(name)), value.tobytes())

    def _result(self) -> Run:
        status = self._integers("utvm_status", np.int32)[0]
        if status != 0:
            raise DeviceFault(f"{self.program.model}: the model's run on {self.board.name} returned {status}")
        layer_cycles = self._integers("utvm_layer_cycles", np.uint64)[: len(self.program.calls)]
        return Run(
            outputs={name: self._tensor(self.program.tensor(name)) for name in self.program.outputs},
            cycles=int(self._integers("utvm_total_cycles", np.uint64)[0]),
            layer_cycles=tuple(int(cycles) for cycles in layer_cycles),
            stack_bytes=self._stack_bytes(),
            cycles_kind=self._transport.cycles_kind,
        )

    def close(self) -> None:
        """End the session, and the virtual board with it."""
        self._stack.close()

    def __enter__(self) -> StandaloneSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run_to(self, function: str, timeout_s: float) -> None:
        target = self.image.elf.symbol(function).addr
        handler = self.image.elf.symbol("UTVMFault").addr
        if self._is_started:
            stop = self._transport.resume([target, handler], timeout_s=timeout_s)
        else:
            stop = self._start([target, handler], timeout_s)
        if stop.kind is not StopKind.BREAKPOINT or stop.pc != target:
            raise self._fault(stop)

    def _start(self, stops: Sequence[int], timeout_s: float) -> StopReason:
        """Go to the first of these addresses from where the board starts: by its vectors, or at an entry in RAM."""
        self._is_started = True
        if boot_region(self.board).kind == "flash":
            return self._transport.resume(stops, timeout_s=timeout_s)
        for addr in stops:
            self._transport.set_breakpoint(addr)
        stop = self._transport.execute(self.image.elf.entry_addr, timeout_s)
        for addr in stops:
            self._transport.clear_breakpoint(addr)
        return stop

    def _fault(self, stop: StopReason) -> DeviceFault:
        """What happened instead, from the core or from what the fault handler wrote down; named by its function."""
        record = self._fault_record()
        if record is not None:
            where, registers, text = record.registers["pc"], record.registers, str(record)
        else:
            fault = device_fault(self._transport, stop)
            where, registers, text = stop.pc, fault.registers, str(fault)
        return DeviceFault(
            f"{self.program.model} on {self.board.name}, in {self._function_at(where)}: {text}", registers
        )

    def _fault_record(self) -> FaultRecord | None:
        symbol = self.image.elf.symbols.get("utvm_fault")
        if symbol is None:
            return None
        decode = decode_rv32_fault if self.board.core.name.startswith("rv32") else decode_fault
        return decode(self._transport.read(symbol.addr, symbol.size_bytes))

    def _function_at(self, pc: int) -> str:
        for symbol in self.image.elf.symbols.values():
            if symbol.addr <= pc < symbol.addr + symbol.size_bytes:
                return symbol.name
        return f"no function of the image (pc {pc:#010x})"

    def _addr(self, tensor: PlacedTensor) -> int:
        return self.image.elf.symbol(f"utvm_arena_{tensor.region}").addr + tensor.offset

    def _tensor(self, tensor: PlacedTensor) -> Array:
        data = self._transport.read(self._addr(tensor), tensor.size_bytes)
        return (
            np.frombuffer(data, dtype=np.dtype(tensor.dtype).newbyteorder("<"))
            .astype(tensor.dtype)
            .reshape(tensor.shape)
        )

    def _integers(self, name: str, dtype: type[np.generic]) -> Array:
        symbol = self.image.elf.symbol(name)
        data = self._transport.read(symbol.addr, symbol.size_bytes)
        return np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<"))

    def _stack_bytes(self) -> int:
        bottom = self.image.elf.symbol("utvm_stack_bottom").addr
        top = self.image.elf.symbol("utvm_stack_top").addr
        return stack_used_bytes(self._transport.read(bottom, top - bottom))


def _silent(stage: str) -> None:
    del stage


def _checked(tensor: PlacedTensor, value: Array | None) -> Array:
    if value is None:
        raise UsageError(f"no value for input {tensor.name}")
    if value.shape != tensor.shape or value.dtype.name != tensor.dtype:
        raise UsageError(
            f"input {tensor.name} wants {tensor.dtype}{list(tensor.shape)}, not {value.dtype.name}{list(value.shape)}"
        )
    return np.ascontiguousarray(value).astype(np.dtype(tensor.dtype).newbyteorder("<"))
