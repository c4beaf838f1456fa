"""The model behind a whole machine: what firmware reads in CYCCNT and SysTick, and what the program accepts."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest

from tests.virtual_board.firmware import (
    BKPT,
    ENABLE_CYCLE_COUNTER,
    NOP,
    SRAM1,
    Bench,
    adds,
    bne,
    ldr,
    mov32,
    movs,
    subs,
)
from utvm.boards import load_board
from utvm.virtual_board.machine import Machine
from utvm.virtual_board.timing import parse_timing
from utvm.virtual_board.timing.choice import MemoryTiming

MUL_R3_R3_R3 = (0xFB03, 0xF303)
READ_CYCCNT = (*ENABLE_CYCLE_COUNTER, *mov32(7, 0xE000_1000))


def timed(timing: str | None = None, memory: MemoryTiming = "zero-wait", board_name: str = "stm32f746-disco") -> Bench:
    board = load_board(board_name)
    machine = Machine(board, parse_timing(timing, board.core.name), memory)
    machine.attach()
    return Bench(machine)


def between(board: Bench, *code: int) -> int:
    """What CYCCNT counts around some code in the same basic block, beyond what two reads count themselves."""
    counts = []
    for body in ((), code):
        board.run(*READ_CYCCNT, ldr(1, 7, 4), *body, ldr(2, 7, 4), BKPT)
        counts.append(board.register("r2") - board.register("r1"))
    return counts[1] - counts[0]


def test_firmware_reads_modelled_cycles_inside_a_block() -> None:
    board = timed()
    assert between(board, *MUL_R3_R3_R3 * 10) == 9 * 2 - 1, "nine waits; the reads alone are one cycle apart"
    assert between(timed("one-cycle"), *MUL_R3_R3_R3 * 10) == 10


@pytest.mark.parametrize("memory", ["zero-wait", "board"])
def test_cyccnt_never_runs_backwards(memory: MemoryTiming) -> None:
    board = timed(None, memory)
    reads = [item for _ in range(6) for item in (ldr(1, 7, 4), 0xC002, *MUL_R3_R3_R3)]  # stm r0!, {r1}
    board.run(*READ_CYCCNT, *mov32(0, SRAM1), *mov32(6, SRAM1 + 0x80), *reads, 0x42B0, bne(-2 * (len(reads) + 1)), BKPT)
    counts = [board.word(SRAM1 + 4 * index) for index in range(0x80 // 4)]
    assert all(later > earlier for earlier, later in itertools.pairwise(counts))


def test_single_steps_end_at_the_same_result() -> None:
    code = (movs(0, 5), adds(1, 1), subs(0, 1), bne(-4), NOP, BKPT)
    whole, stepped = timed(), timed()
    whole.run(*code)
    stepped.load(*code)
    for _ in range(1 + 3 * 5 + 1):
        stepped.machine.step()
    assert stepped.machine.instructions == whole.machine.instructions
    assert stepped.machine.cycles >= stepped.machine.instructions, "a step begins with an empty pipeline: nothing pairs"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--timing", "cortex-m9"], "no timing model is named 'cortex-m9'"),
        (["--timing", "cortex-m7,mac-load=on"], "has no rule 'mac-load'"),
        (["--memory", "fast"], "invalid choice: 'fast'"),
    ],
)
def test_a_wrong_argument_ends_the_program(arguments: list[str], message: str) -> None:
    command = [sys.executable, "-m", "utvm.virtual_board", "stm32f746-disco", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert message in done.stderr
