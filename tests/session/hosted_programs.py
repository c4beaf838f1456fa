"""Programs as hosted sessions hold them, in RAM: the fastest kernels that fit there."""

from __future__ import annotations

from collections.abc import Callable

from utvm.codegen.limits import Limits
from utvm.codegen.program import Program
from utvm.compiler import compile_model, compile_portable
from utvm.errors import OutOfDeviceMemory, OutOfMemoryError
from utvm.model import Model
from utvm.session.graph import GraphExecutor
from utvm.session.profiler import zero_inputs
from utvm.session.session import Session


def load_fitting(session: Session, model: Model) -> GraphExecutor:
    """The model in a session, run once: its default kernels, or smaller ones, or portable ones.

    OutOfDeviceMemory where these do not fit either.
    """
    board = session.board
    ram_bytes = sum(region.size_bytes for region in board.regions if region.kind == "ram")
    choices: list[Callable[[], Program]] = [
        lambda: compile_model(model, board),
        lambda: compile_model(model, board, limits=Limits(max_flash_bytes=ram_bytes // 2)),
    ]
    for choice in choices:
        try:
            return _loaded(session, choice())
        except (OutOfDeviceMemory, OutOfMemoryError) as error:
            assert "--max-flash" in str(error) or "no room for arena" in str(error)
    return _loaded(session, compile_portable(model, board))


def _loaded(session: Session, program: Program) -> GraphExecutor:
    executor = session.load(program)
    try:
        executor.run(zero_inputs(program))
    except OutOfDeviceMemory:
        executor.unload()
        raise
    return executor
