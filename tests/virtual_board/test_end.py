"""A virtual board ends cleanly, whatever ran on it."""

from __future__ import annotations

import subprocess
import sys

from utvm.boards import load_board
from utvm.compiler import compile_model, load_model
from utvm.demo import load_digits
from utvm.session.standalone import StandaloneSession
from utvm.transports import VirtualBoardTransport
from utvm.transports.gdb import GdbTransport


def test_the_process_ends_with_status_0_after_a_model_ran() -> None:
    board = load_board("stm32f746-disco")
    model = load_model(load_digits().model_path)
    for _ in range(3):
        transport = VirtualBoardTransport(board.name)
        with StandaloneSession(compile_model(model, board), board, transport=transport) as session:
            session.run({model.inputs[0]: load_digits().inputs[:1]})
        assert transport.process.exit_status == 0


def test_sigterm_ends_it_with_status_0() -> None:
    command = [sys.executable, "-m", "utvm.virtual_board", "stm32f746-disco", "--gdb", "0"]
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        host, _, port = process.stdout.readline().split()[1].partition(":")
        with GdbTransport(host, int(port)) as board:
            board.write(0x2000_0000, bytes.fromhex("7047"))
            board.execute(0x2000_0001, 5.0, stop_addr=0x2000_0100, stack_addr=0x2000_1000)
            process.terminate()
            assert process.wait(10) == 0
        process.stdout.close()
