"""Programs as hosted sessions hold them: the fastest kernels, or portable ones where those do not fit into RAM."""

from __future__ import annotations

from utvm.codegen.program import Program
from utvm.compiler import compile_model, compile_portable
from utvm.errors import OutOfDeviceMemory
from utvm.model import Model
from utvm.session.graph import GraphExecutor
from utvm.session.session import Session

# RAM that holds code which was chosen for flash four times as large.
SMALL_RAM = ("nucleo-g0b1re", "qemu-microbit")


def load_fitting(session: Session, model: Model, program: Program | None = None) -> GraphExecutor:
    """The model in a session; OutOfDeviceMemory only where portable kernels do not fit either."""
    board = session.board
    try:
        return session.load(program or compile_model(model, board))
    except OutOfDeviceMemory as error:
        if board.name not in SMALL_RAM:
            raise
        assert "--kernels portable" in str(error) or "no room for" in str(error)
        return session.load(compile_portable(model, board))
