"""A board that answers at once: the reference's outputs, made-up cycles, and whatever a test wants to go wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from utvm.boards import Board
from utvm.cli.services import ImageSession, Services, Stage, ToolchainChoice
from utvm.codegen.program import Program
from utvm.model import Array, Model
from utvm.operators import ReferenceSequence
from utvm.session.profile import CodeRange, Profile
from utvm.session.standalone import Run
from utvm.toolchain import Compiler, Elf, Image, ImageSizes
from utvm.transports import BlockProfile

Spoil = Callable[[dict[str, Array]], dict[str, Array]]

SIZES = ImageSizes(
    text_bytes=5000, constants_bytes=700, data_bytes=8, bss_bytes=92, stack_bytes=2048, arena_bytes={"dtcm": 320}
)
LAYER_CYCLES = 100
STACK_BYTES = 416
CODE_ADDR, CODE = 0x100, bytes.fromhex("0130fde7")  # adds r0, #1; b back to it
CYCLES_KIND = "modelled: cortex-m7, zero-wait memory"


def _unspoiled(outputs: dict[str, Array]) -> dict[str, Array]:
    return outputs


class FakeSession:
    """Answers by the reference; the i-th run takes i cycles more than all its layers together."""

    def __init__(self, program: Program, model: Model, compiler: Compiler, spoil: Spoil) -> None:
        self.sizes = SIZES
        self.image = Image(Path("image.elf"), Elf(Path("image.elf"), 0, (), {}, {}), SIZES)
        self.compiler = compiler
        self.inputs: list[dict[str, Array]] = []
        self._program, self._sequence, self._spoil = program, ReferenceSequence(model), spoil

    def run(self, inputs: Mapping[str, Array], timeout_s: float = 60.0) -> Run:
        assert timeout_s > 0
        self.inputs.append(dict(inputs))
        calls = len(self._program.calls)
        outputs = self._spoil(self._sequence.run(dict(inputs)))
        return Run(outputs, LAYER_CYCLES * calls + len(self.inputs), (LAYER_CYCLES,) * calls, STACK_BYTES, CYCLES_KIND)

    def reset(self) -> None:
        self._sequence.reset()

    def profile(self, inputs: Mapping[str, Array], timeout_s: float = 60.0) -> Profile:
        run = self.run(inputs, timeout_s)
        block = BlockProfile(CODE_ADDR, len(CODE), 2, 4, run.cycles, {"lost-pairing": 1})
        return Profile(run, (block,), (CodeRange(CODE_ADDR, CODE),))


class FakeBoards:
    """Opens fake sessions for one model; `sessions` are those it opened, `closed` counts those that ended."""

    def __init__(self, model: Model, spoil: Spoil = _unspoiled, error: BaseException | None = None) -> None:
        self.sessions: list[FakeSession] = []
        self.closed = 0
        self._model, self._spoil, self._error = model, spoil, error

    @property
    def services(self) -> Services:
        """What to give to the command line as its context object."""
        return Services(self.open)

    def open(
        self, program: Program, board: Board, prefer: ToolchainChoice, progress: Stage
    ) -> AbstractContextManager[ImageSession]:
        progress(f"Starting the fake {board.name}")
        return self._session(program, prefer)

    @contextmanager
    def _session(self, program: Program, prefer: ToolchainChoice) -> Iterator[ImageSession]:
        if self._error is not None:
            raise self._error
        kind: ToolchainChoice = "gcc" if prefer == "auto" else prefer
        compiler = Compiler(kind, f"fake {kind} 1.0", ("cc",), ())  # type: ignore[arg-type]
        self.sessions.append(FakeSession(program, self._model, compiler, self._spoil))
        try:
            yield self.sessions[-1]
        finally:
            self.closed += 1
