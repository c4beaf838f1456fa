"""A virtual board ends cleanly, whatever ran on it."""

from __future__ import annotations

from utvm.boards import load_board
from utvm.compiler import compile_model, load_model
from utvm.demo import load_digits
from utvm.session.standalone import StandaloneSession
from utvm.transports import VirtualBoardTransport


def test_the_process_ends_with_status_0_after_a_model_ran() -> None:
    board = load_board("stm32f746-disco")
    model = load_model(load_digits().model_path)
    for _ in range(3):
        transport = VirtualBoardTransport(board.name)
        with StandaloneSession(compile_model(model, board), board, transport=transport) as session:
            session.run({model.inputs[0]: load_digits().inputs[:1]})
        assert transport.process.exit_status == 0
