"""How a virtual board is told to count cycles, and what it says of it."""

from __future__ import annotations

import pytest

from utvm.boards import load_board
from utvm.errors import TransportError, UsageError, VirtualBoardError
from utvm.transports import CycleCounting, VirtualBoardTransport, open_transport
from utvm.transports.block_profile import parse_profile

CODE_ADDR = 0x2000_0000
LOOP = bytes.fromhex("64200138fdd100be")  # movs r0, #100; subs r0, #1; bne -; bkpt


def test_the_model_is_chosen_named_and_profiled() -> None:
    counting = CycleCounting("cortex-m7,dual-issue=off", "board")
    with VirtualBoardTransport("stm32f746-disco", counting=counting) as board:
        assert board.cycles_kind == "modelled: cortex-m7,dual-issue=off, the board's memory"
        board.write(CODE_ADDR, LOOP)
        board.start_profile()
        before = board.cycles
        board.execute(CODE_ADDR, timeout_s=5.0)
        blocks = board.stop_profile()
        assert sum(block.cycles for block in blocks) == board.cycles - before
        loop = max(blocks, key=lambda block: block.runs)
        assert (loop.addr, loop.runs, loop.instructions) == (CODE_ADDR + 2, 99, 198)
        assert loop.cycles >= 198


def test_a_wrong_model_does_not_start() -> None:
    with pytest.raises(VirtualBoardError, match="no-such-model"):
        VirtualBoardTransport("stm32f746-disco", counting=CycleCounting("no-such-model"))


def test_only_virtual_boards_have_timing_models() -> None:
    with pytest.raises(UsageError, match="only virtual boards have a timing model"):
        open_transport(load_board("stm32f746-disco"), "gdb://127.0.0.1:1", CycleCounting("one-cycle"))


@pytest.mark.parametrize("text", ["", "nonsense", "addr size runs instructions cycles\n0x10 2 x 1 1\n",
                                  "addr size runs instructions cycles lost-pairing\n0x10 2 1 1 1\n"])  # fmt: skip
def test_what_is_no_profile_is_an_error(text: str) -> None:
    with pytest.raises(TransportError, match="profile"):
        parse_profile(text)
