"""The rows of the figure: programs of one network, measured, their answers compared with the reference."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utvm.boards import Board, load_board
from utvm.codegen.program import Program
from utvm.compiler import compile_model, compile_portable
from utvm.libraries import Library, use_libraries
from utvm.model import Array, Model
from utvm.operators import run_reference
from utvm.session.benches import Benches
from utvm.session.hosted import HostedSession
from utvm.session.standalone import Prefer, StandaloneSession
from utvm.toolchain import find_compiler
from utvm.transports import CycleCounting, open_transport
from utvm.tuning.apply import apply_records
from utvm.tuning.conditions import Conditions, utvm_version
from utvm.tuning.measure import Measurer
from utvm.tuning.records import RecordWriter, load_records
from utvm.tuning.tasks import places_of, tasks_of
from utvm.tuning.tuner import Effort, tune

COUNTING = CycleCounting(None, "board")
F746 = "stm32f746-disco"
_HOST_RUNS = 15
# All schedules there are, the portable one among them.
_HOST_TRIALS = 80


@dataclass(frozen=True)
class Row:
    """A bar: what was run, milliseconds, those of the post if it has them, the schedules of the layers."""

    where: str
    what: str
    ms: float
    post_ms: float | None
    layers: tuple[tuple[str, str, int, int], ...]
    """Layer, schedule, multiply-accumulates, cycles."""


def rows(model: Model, image: Array, trials: int, toolchain: Prefer, libraries: Sequence[Library]) -> list[Row]:
    """All of them, on the virtual F746 with caches and flash, and on this computer's arena."""
    board = load_board(F746)
    plain = board.model_copy(update={"core": board.core.model_copy(update={"dsp": False})})
    found = [
        _row("F746", "untuned", 293.9, compile_portable(model, board), board, image, toolchain, model),
        _row("F746", "tuned, no SIMD", None, _tuned(model, plain, trials, toolchain), board, image, toolchain, model),
        _row("F746", "tuned, SIMD", 157.4, _tuned(model, board, trials, toolchain), board, image, toolchain, model),
    ]
    if libraries:
        with use_libraries(libraries, [library.name for library in libraries]):
            served = compile_model(model, board)
        names = ", ".join(library.name for library in libraries)
        found.append(_row("F746", names, 105.4, served, board, image, toolchain, model))
    host = load_board("host")
    found.append(_row("host", "untuned", None, compile_portable(model, host), host, image, "auto", model))
    found.append(
        _row("host", "tuned", None, _tuned(model, host, max(trials, _HOST_TRIALS), "auto"), host, image, "auto", model)
    )
    return found


def _row(
    where: str, what: str, post_ms: float | None, program: Program, board: Board, image: Array, toolchain: Prefer,
    model: Model,
) -> Row:  # fmt: skip
    """Run it: the second of two runs on a virtual board, the fastest of several where other programs run too."""
    with ExitStack() as stack:
        session: StandaloneSession | HostedSession
        if board.core.name == "host":
            session = stack.enter_context(HostedSession(program, board, toolchain))
            run = min((session.run({"image": image}) for _ in range(_HOST_RUNS)), key=lambda each: each.cycles)
        else:
            session = stack.enter_context(StandaloneSession(program, board, toolchain, counting=COUNTING))
            session.run({"image": image})
            run = session.run({"image": image})
    for name, expected in run_reference(model, {"image": image}).items():
        if not np.array_equal(run.outputs[name], expected):
            raise SystemExit(f"{where}, {what}: {name} differs from the reference")
    layers = tuple(
        (call.layer, call.schedule, call.macs, cycles)
        for call, cycles in zip(program.calls, run.layer_cycles, strict=True)
    )
    return Row(where, what, 1e3 * run.cycles / board.clock_hz, post_ms, layers)


def _tuned(model: Model, board: Board, trials: int, toolchain: Prefer) -> Program:
    """Compiled with the fastest schedules that tuning finds."""
    places = places_of(model, board)
    version = find_compiler(board, toolchain).version
    conditions = Conditions(board.name, board.core.name, "benchmark", places[0].arena, version, utvm_version())

    def hosted(program: Program) -> HostedSession:
        return HostedSession(program, board, toolchain)

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder) / "records.jsonl"
        writer = stack.enter_context(RecordWriter(file))
        if board.core.name == "host":
            measurer = Measurer(board, hosted)
        else:
            benches = Benches(board, lambda: open_transport(board, counting=COUNTING), toolchain)
            measurer = Measurer(board, stack.enter_context(benches))
        tune(tasks_of(places), measurer, conditions, writer, effort=Effort(trials))
        applied = apply_records(load_records([file]), model, board)
    return compile_model(model, board, applied.schedules)
