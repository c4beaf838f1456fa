"""The tiny image on every virtual board as a process of its own, driven through the GDB remote protocol."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.runtime.test_on_virtual_boards import INPUT, SUM
from tests.toolchain.images import TINY_MODEL
from utvm.boards import board_names, load_board
from utvm.runtime import stack_used_bytes
from utvm.toolchain import build_image, find_compiler
from utvm.transports import StopKind, VirtualBoardTransport

TIMEOUT_S = 60.0


@pytest.mark.parametrize("board_name", board_names("virtual"))
def test_a_model_runs_under_a_host(board_name: str, tmp_path: Path) -> None:
    board = load_board(board_name)
    define = f'ARENA_SECTION=".utvm_arena.{board.placement.arena[-1]}"'
    elf = build_image(board, find_compiler(board), [TINY_MODEL], [], tmp_path, [define]).elf
    main, done, bottom, top = (
        elf.symbol(name).addr for name in ("UTVMMain", "UTVMDone", "utvm_stack_bottom", "utvm_stack_top")
    )
    with VirtualBoardTransport(board_name) as transport:

        def read(name: str, layout: str) -> tuple[int, ...]:
            return struct.unpack(f"<{layout}", transport.read(elf.symbol(name).addr, struct.calcsize(f"<{layout}")))

        transport.load_image((segment.addr, segment.data) for segment in elf.segments)
        transport.reset()
        for run, loops in ((1, 10), (2, 6_000_000)):
            assert transport.resume([main], timeout_s=TIMEOUT_S).pc == main
            transport.write(elf.symbol("tiny_input").addr, struct.pack("<64b", *INPUT))
            transport.write(elf.symbol("tiny_loops").addr, struct.pack("<I", loops))
            before = transport.cycles
            assert transport.resume([done], timeout_s=TIMEOUT_S).pc == done
            seen_from_outside = transport.cycles - before
            assert read("tiny_output", "4i") == (SUM, (loops << 40) // (loops + 7) >> 32, SUM // 2, 100 + 2 * run)
            assert read("utvm_status", "i") == (17,)
            (total,) = read("utvm_total_cycles", "Q")
            assert loops * 4 < total < seen_from_outside < total + 1000
        assert 64 <= stack_used_bytes(transport.read(bottom, top - bottom)) <= 512

        # The debugger sees a fault before the firmware's handler does.
        transport.write(elf.symbol("tiny_stack_words").addr, struct.pack("<I", 100_000))
        assert transport.resume([done], timeout_s=TIMEOUT_S).kind is StopKind.FAULT
