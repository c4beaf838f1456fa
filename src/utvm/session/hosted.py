"""A program run call by call in a session of its own, with the same face as a standalone image."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from utvm.boards import Board
from utvm.codegen.program import Program
from utvm.errors import UsageError
from utvm.model.tensor import Array
from utvm.session.call_run import CallRun
from utvm.session.graph import GraphExecutor
from utvm.session.session import DEFAULT_TIMEOUT_S, Prefer, Session, Stage
from utvm.session.standalone import Run
from utvm.toolchain import Compiler, ImageSizes
from utvm.transports import CycleCounting, Transport
from utvm.transports.opening import open_transport
from utvm.transports.virtual import DEFAULT_COUNTING


class HostedSession:
    """A board with the device runtime and the program's kernels in its RAM; use as a context manager.

    `via` is a way to the board, its file's own by default. Sizes count what the session placed in RAM: code and
    constants lie there too.
    """

    def __init__(
        self,
        program: Program,
        board: Board,
        prefer: Prefer = "auto",
        progress: Stage | None = None,
        via: str | None = None,
        counting: CycleCounting = DEFAULT_COUNTING,
    ) -> None:
        if program.board != board.name:
            raise UsageError(f"the program was compiled for {program.board}, not for {board.name}; compile it again")
        transport: Transport | None = open_transport(board, via, counting) if counting != DEFAULT_COUNTING else None
        self._session = Session(board, via, compiler=prefer, progress=progress, transport=transport)
        try:
            self._executor: GraphExecutor = self._session.load(program)
        except BaseException:
            self._session.close()
            raise
        self.program = program

    @property
    def compiler(self) -> Compiler:
        """The compiler that built the kernels and the runtime."""
        return self._session.compiler

    @property
    def sizes(self) -> ImageSizes:
        """What lies in RAM: runtime and kernels as text, constants, the runtime's data, its stack, the arenas."""
        runtime = self._session.runtime_sizes
        return ImageSizes(
            text_bytes=runtime.text_bytes + runtime.rodata_bytes + self._executor.module.size_bytes,
            constants_bytes=self.program.constant_bytes,
            data_bytes=runtime.data_bytes,
            bss_bytes=runtime.bss_bytes,
            stack_bytes=self._session.sections.stack.size_bytes,
            arena_bytes=dict(self.program.arenas),
            state_bytes=self.program.states_by_region,
        )

    def run(self, inputs: Mapping[str, Array], timeout_s: float = DEFAULT_TIMEOUT_S) -> Run:
        """One run on inputs by name. Raises DeviceFault, KernelError or TransportTimeout, naming the layer."""
        self._session.timeout_s = timeout_s
        done = self._executor.run(inputs)
        kind = self._session.transport.cycles_kind
        return Run(done.outputs, done.cycles, done.layer_cycles, done.stack_bytes, kind)

    def run_call(
        self, index: int, inputs: Mapping[str, Array], timeout_s: float, most_cycles: int | None = None
    ) -> CallRun:
        """Run call number `index` on the program's inputs. Raises what `run` raises; no cycles are limited."""
        del most_cycles
        self._session.timeout_s = timeout_s
        return self._executor.run_call(index, inputs)

    def reset(self) -> None:
        """Give the program's states their initial values again, as before the first run."""
        self._executor.reset()

    def close(self) -> None:
        """End the session."""
        self._session.close()

    def __enter__(self) -> HostedSession:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
