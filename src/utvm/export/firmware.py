"""The firmware of the CMake project, built without CMake and run on a board."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utvm.codegen.library_files import library_sources
from utvm.codegen.program import STATE_REGION
from utvm.errors import DeviceFault, TransportError
from utvm.export.formats import format_files
from utvm.export.request import ExportRequest
from utvm.model.tensor import Array
from utvm.toolchain import CompileJob, Compiler, Elf, read_elf
from utvm.transports import StopKind, Transport
from utvm.transports.faults import device_fault

_RESULT = np.dtype([("status", "<i4"), ("mismatches", "<i4"), ("cycles", "<u8")])


@dataclass(frozen=True, eq=False)
class FirmwareResult:
    """What the firmware left in memory: the status of its run, mismatches, core cycles, outputs by tensor name."""

    status: int
    mismatches: int
    cycles: int
    outputs: dict[str, Array]


def build_firmware(request: ExportRequest, compiler: Compiler, folder: Path) -> Elf:
    """Write the project to `folder` and link `folder`/firmware.elf. Raises ToolchainError."""
    for name, content in format_files("cmake", request).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    sources = sorted(path for path in folder.rglob("*") if path.suffix in (".c", ".S"))
    includes = (folder, folder / "board", folder / "model")
    flags = library_sources(request.library.program, f"{request.library.options.prefix}_")
    jobs = [
        CompileJob(source, folder / f"{number}.o", includes, flags.get(source.name, ()))
        for number, source in enumerate(sources)
    ]
    objects = compiler.compile_all(jobs)
    return read_elf(compiler.link(objects, folder / "firmware.elf", folder / "board" / "linker.ld"))


def program_board(elf: Elf, board: Transport) -> None:
    """Write the firmware to the board, flash included, and read every byte back. Raises TransportError."""
    board.load_image((segment.addr, segment.data) for segment in elf.segments)
    for segment in elf.segments:
        held = board.read(segment.addr, len(segment.data))
        if held != segment.data:
            at = next(index for index, pair in enumerate(zip(held, segment.data, strict=True)) if pair[0] != pair[1])
            raise TransportError(
                f"verifying failed: {segment.addr + at:#010x} holds {held[at]:#04x}, written was "
                f"{segment.data[at]:#04x}; is that flash protected, or of another size than the board file says?"
            )


def run_firmware(request: ExportRequest, elf: Elf, board: Transport, timeout_s: float) -> FirmwareResult:
    """Reset the board, let the firmware run its sample, and read what it left. Raises DeviceFault, TransportTimeout."""
    board.reset()
    done = elf.symbol("UTVMDone").addr
    stop = board.resume([done, elf.symbol("UTVMFault").addr], timeout_s=timeout_s)
    if stop.kind is not StopKind.BREAKPOINT or stop.pc != done:
        raise DeviceFault(
            f"the firmware of {request.library.program.model} did not end its run: {device_fault(board, stop)}"
        )
    symbol = elf.symbol("result")
    result = np.frombuffer(board.read(symbol.addr, _RESULT.itemsize), dtype=_RESULT)[0]
    outputs = {name: _output(request, elf, board, name) for name in request.library.program.outputs}
    return FirmwareResult(int(result["status"]), int(result["mismatches"]), int(result["cycles"]), outputs)


def _output(request: ExportRequest, elf: Elf, board: Transport, name: str) -> Array:
    tensor = request.library.program.tensor(name)
    data = board.read(_block_addr(request, elf, tensor.region) + tensor.offset, tensor.size_bytes)
    stored = np.frombuffer(data, dtype=np.dtype(tensor.dtype).newbyteorder("<"))
    return np.asarray(stored.astype(tensor.dtype).reshape(tensor.shape))


def _block_addr(request: ExportRequest, elf: Elf, region: str) -> int:
    """Where an arena begins, or the state, which is the last member of the model's struct."""
    if region == STATE_REGION:
        model = elf.symbol("model")
        return model.addr + model.size_bytes - request.library.program.state_bytes
    owner = "arena" if request.library.options.arena == "caller" else "own"
    return elf.symbol(f"{owner}_{region}").addr
