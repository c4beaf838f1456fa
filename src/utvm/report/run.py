"""What a program did on a board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from utvm.codegen.program import Call, Program
from utvm.report.check import CheckReport
from utvm.report.outputs import OutputReport, output_reports
from utvm.report.sizes import SizeReport, built_sizes

if TYPE_CHECKING:
    from utvm.boards import Board
    from utvm.session.standalone import Run
    from utvm.toolchain import Compiler, ImageSizes


@dataclass(frozen=True)
class LayerReport:
    """One call of the program and its core cycles in the reported run."""

    name: str
    operator: str
    output_shape: tuple[int, ...]
    output_dtype: str
    kernel: str
    schedule: str
    macs: int
    cycles: int


@dataclass(frozen=True)
class BoardSummary:
    """The board as a report names it."""

    name: str
    title: str
    core: str
    clock_hz: int


@dataclass(frozen=True)
class ToolchainSummary:
    """The compiler that built the image: gcc, zig or native, and the version it gives."""

    kind: str
    version: str


@dataclass(frozen=True, eq=False)
class RunReport:
    """A program's runs on a board. `cycles` and `layers` are those of the run of median length.

    With `keeps_state` each run began with what the last one left, but for every `reset_every`-th one.
    """

    model: str
    provenance: Mapping[str, str]
    board: BoardSummary
    via: str
    toolchain: ToolchainSummary
    input_source: str
    runs: int
    cycles: int
    cycles_kind: str
    fewest_cycles: int
    most_cycles: int
    layers: tuple[LayerReport, ...]
    sizes: SizeReport
    outputs: tuple[OutputReport, ...]
    check: CheckReport | None
    keeps_state: bool = False
    reset_every: int | None = None

    @property
    def time_us(self) -> float:
        """Time of the reported run at the board's clock, in microseconds."""
        return self.microseconds(self.cycles)

    def microseconds(self, cycles: int) -> float:
        """Time of so many core cycles at the board's clock."""
        return cycles / self.board.clock_hz * 1e6

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one run."""
        return sum(layer.macs for layer in self.layers)


def run_report(
    program: Program,
    board: Board,
    image: ImageSizes,
    compiler: Compiler,
    runs: Sequence[Run],
    input_source: str,
    check: CheckReport | None = None,
    via: str = "virtual",
    reset_every: int | None = None,
) -> RunReport:
    """The report of at least one run."""
    median = sorted(runs, key=lambda run: run.cycles)[len(runs) // 2]
    return RunReport(
        model=program.model,
        provenance=dict(program.provenance),
        board=board_summary(board),
        via=via,
        toolchain=ToolchainSummary(compiler.kind, compiler.version),
        input_source=input_source,
        runs=len(runs),
        cycles=median.cycles,
        cycles_kind=median.cycles_kind,
        fewest_cycles=min(run.cycles for run in runs),
        most_cycles=max(run.cycles for run in runs),
        layers=tuple(
            _layer(program, call, cycles) for call, cycles in zip(program.calls, median.layer_cycles, strict=True)
        ),
        sizes=built_sizes(board, image, max(run.stack_bytes for run in runs)),
        outputs=output_reports(program, [run.outputs for run in runs]),
        check=check,
        keeps_state=bool(program.states),
        reset_every=reset_every,
    )


def board_summary(board: Board) -> BoardSummary:
    """A board in short."""
    return BoardSummary(board.name, board.title, board.core.name, board.clock_hz)


def _layer(program: Program, call: Call, cycles: int) -> LayerReport:
    output = program.tensor(call.outputs[0])
    return LayerReport(
        name=call.layer,
        operator=call.operator,
        output_shape=output.shape,
        output_dtype=output.dtype,
        kernel=call.kernel,
        schedule=call.schedule,
        macs=call.macs,
        cycles=cycles,
    )
