"""A program whose calls are run and measured one by one, each by itself, as an image in flash."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from utvm.boards import Board
from utvm.codegen.bench_source import SELECTED, bench_compiled_files, bench_files
from utvm.codegen.library_files import library_sources
from utvm.codegen.program import Program
from utvm.errors import CycleLimitError, KernelError, TransportError, UsageError
from utvm.model.tensor import Array
from utvm.session.call_run import POISON, CallRun
from utvm.session.image_on_board import ImageOnBoard
from utvm.toolchain import Compiler, Image
from utvm.toolchain.image import fresh_objects, link_image, runtime_objects
from utvm.transports import StopKind, Transport, VirtualBoardTransport

# Debugging information changes no code, and nobody looks at it.
_FLAGS = ("-g0", "-DUTVM_PROFILE")


class BenchBuilder:
    """Builds images for one board, in folders of `directory`; the runtime's objects are compiled once."""

    def __init__(self, board: Board, compiler: Compiler, directory: Path) -> None:
        self.board, self.compiler = board, compiler
        self._runtime = runtime_objects(board, compiler, directory / "runtime")

    def build(self, program: Program, directory: Path) -> Image:
        """The image of a program's calls. Raises ToolchainError, OutOfMemoryError, UsageError for another board's."""
        if program.board != self.board.name:
            raise UsageError(f"the program was compiled for {program.board}, not for {self.board.name}")
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in bench_files(program).items():
            (directory / name).write_text(text, encoding="utf-8")
        sources = [directory / name for name in bench_compiled_files(program)]
        objects = fresh_objects(self.compiler, sources, directory, _FLAGS, library_sources(program))
        return link_image(self.board, self.compiler, [*self._runtime, *objects], directory)


class Bench:
    """An image of `BenchBuilder` on a board, reached through a transport that stays the caller's."""

    def __init__(self, program: Program, board: Board, image: Image, transport: Transport) -> None:
        self.program = program
        self._on_board = ImageOnBoard(program, board, image, transport)
        self._virtual = transport if isinstance(transport, VirtualBoardTransport) else None

    def run_call(
        self, index: int, inputs: Mapping[str, Array], timeout_s: float, most_cycles: int | None = None
    ) -> CallRun:
        """Run call number `index` on the program's inputs; virtual boards start it with cold caches.

        Raises DeviceFault, KernelError, TransportTimeout, and CycleLimitError where a virtual board has counted more
        than `most_cycles`; the next call then starts from reset.
        """
        try:
            return self._run(index, inputs, timeout_s, most_cycles)
        except BaseException:
            with contextlib.suppress(TransportError):  # a board that is gone says so at the next call
                self._on_board.restart()
            raise

    def _run(self, index: int, inputs: Mapping[str, Array], timeout_s: float, most_cycles: int | None) -> CallRun:
        board = self._on_board
        board.run_to("UTVMMain", timeout_s)
        outputs = self.program.calls[index].outputs
        for name in outputs:  # which may lie over inputs
            board.write(name, POISON * self.program.tensor(name).size_bytes)
        board.write_inputs(inputs)
        board.set_integer(SELECTED, index)
        if self._virtual is not None:
            self._virtual.forget_history()
            self._virtual.limit_cycles(most_cycles)
        stop = board.resume_to("UTVMDone", timeout_s)
        if self._virtual is not None:
            self._virtual.limit_cycles(None)
        if stop.kind is StopKind.INTERRUPTED and most_cycles is not None:
            raise CycleLimitError(f"the call took more than {most_cycles:,} cycles")
        board.check_at("UTVMDone", stop)
        status = int(board.integers("utvm_status", np.int32)[0])
        if status != 0:
            raise KernelError(f"{self.program.calls[index].kernel} returned {status}", status)
        cycles = int(board.integers("utvm_layer_cycles", np.uint64)[0])
        return CallRun({name: board.tensor(name) for name in outputs}, cycles)
