"""Run a program as a standalone image: flashed, started, stopped around each run to exchange inputs and outputs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np

from utvm.boards import Board
from utvm.codegen.library_files import library_sources
from utvm.codegen.model_source import compiled_files, source_files
from utvm.codegen.program import Program
from utvm.errors import DeviceFault, UsageError
from utvm.model.tensor import Array
from utvm.session.image_on_board import ImageOnBoard
from utvm.session.profile import Profile, read_code
from utvm.toolchain import Compiler, Image, ImageSizes, build_image, find_compiler
from utvm.transports import CycleCounting, Transport, VirtualBoardTransport, open_transport
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
    return build_image(board, compiler, sources, [source_dir], build_dir, ("UTVM_PROFILE",), library_sources(program))


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
            self._board = ImageOnBoard(program, board, self.image, self._transport)
        except BaseException:
            self._stack.close()
            raise

    @property
    def sizes(self) -> ImageSizes:
        """Bytes of the image by kind."""
        return self.image.sizes

    def run(self, inputs: Mapping[str, Array], timeout_s: float = DEFAULT_TIMEOUT_S) -> Run:
        """One run on inputs by name, each of its tensor's shape and dtype. Raises DeviceFault or TransportTimeout."""
        self._board.feed(inputs, timeout_s)
        self._board.run_to("UTVMDone", timeout_s)
        return self._result()

    def profile(self, inputs: Mapping[str, Array], timeout_s: float = DEFAULT_TIMEOUT_S) -> Profile:
        """One run, and every basic block that ran in it. UsageError unless the board is a virtual one."""
        transport = self._transport
        if not isinstance(transport, VirtualBoardTransport):
            raise UsageError(f"only a virtual board counts basic blocks, not a {type(transport).__name__}")
        self._board.feed(inputs, timeout_s)
        transport.start_profile()
        self._board.run_to("UTVMDone", timeout_s)
        blocks = transport.stop_profile()
        return Profile(self._result(), blocks, read_code(transport, blocks))

    def _result(self) -> Run:
        status = self._board.integers("utvm_status", np.int32)[0]
        if status != 0:
            raise DeviceFault(f"{self.program.model}: the model's run on {self.board.name} returned {status}")
        layer_cycles = self._board.integers("utvm_layer_cycles", np.uint64)[: len(self.program.calls)]
        return Run(
            outputs={name: self._board.tensor(name) for name in self.program.outputs},
            cycles=int(self._board.integers("utvm_total_cycles", np.uint64)[0]),
            layer_cycles=tuple(int(cycles) for cycles in layer_cycles),
            stack_bytes=self._board.stack_bytes(),
            cycles_kind=self._transport.cycles_kind,
        )

    def reset(self) -> None:
        """Give the program's states their initial values again, as before the first run."""
        self._board.reset_states()

    def close(self) -> None:
        """End the session, and the virtual board with it."""
        self._stack.close()

    def __enter__(self) -> StandaloneSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _silent(stage: str) -> None:
    del stage
