"""Exact instruction counts, CYCCNT and SysTick."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.virtual_board.firmware import (
    BKPT,
    BX_LR,
    CODE,
    CPSID_I,
    CPSIE_I,
    ENABLE_CYCLE_COUNTER,
    FLASH,
    NOP,
    SDIV_R3_R1_R2,
    SPIN,
    Bench,
    adds,
    assemble,
    bench,
    bne,
    ldr,
    mov32,
    movs,
    store,
    subs,
)
from utvm.virtual_board.systick import COUNTFLAG, SysTick
from utvm.virtual_board.target import StopKind

HANDLER = FLASH + 0x400
START_SYSTICK = (*mov32(0, 0xE000_E010), movs(1, 99), store(1, 0, 4), store(1, 0, 8), movs(1, 7), store(1, 0))


@pytest.fixture
def board() -> Bench:
    return bench()


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ((NOP,) * 5, 5),
        (mov32(0, 1), 2),  # two 32-bit instructions
        ((movs(1, 1), movs(2, 1), *SDIV_R3_R1_R2), 3),
        ((movs(0, 10), subs(0, 1), bne(-2)), 1 + 2 * 10),
        ((movs(0, 200), NOP, *mov32(2, 7), subs(0, 1), bne(-12)), 1 + 5 * 200),
        ((movs(0, 1), 0x2801, 0xBF0C, movs(2, 7), movs(2, 8)), 5),  # IT and both of its instructions count
    ],
)
def test_instructions_are_counted_exactly(board: Bench, code: tuple[int, ...], count: int) -> None:
    before = board.machine.instructions
    assert board.run(*code, BKPT).kind is StopKind.BREAKPOINT
    assert board.machine.instructions - before == count
    before = board.machine.instructions
    board.machine.reset()
    board.machine.resume()  # from the cache of translated code
    assert board.machine.instructions - before == count


def test_steps_and_breakpoints_do_not_change_the_count(board: Bench) -> None:
    board.load(movs(0, 10), subs(0, 1), bne(-2), BKPT)
    before = board.machine.instructions
    for _ in range(5):
        board.machine.step()
    board.machine.set_breakpoint(CODE + 4)
    for _ in range(3):
        board.machine.resume()
        board.machine.step()
    board.machine.clear_breakpoint(CODE + 4)
    board.machine.resume()
    assert board.machine.instructions - before == 21


def test_a_fault_counts_what_came_before_it(board: Bench) -> None:
    before = board.machine.instructions
    assert board.run(*mov32(0, 0x6000_0000), NOP, NOP, ldr(1, 0), NOP, NOP).kind is StopKind.BUS_FAULT
    assert board.machine.instructions - before == 4


def test_code_replaced_by_longer_instructions_is_counted_anew(board: Bench) -> None:
    board.run(NOP, NOP, NOP, NOP, BKPT)
    before = board.machine.instructions
    board.run(*mov32(0, 5), BKPT)  # the same bytes, half the instructions
    assert board.machine.instructions - before == 2


def test_cyccnt_needs_trcena_then_cyccntena_and_is_exact_within_a_block(board: Bench) -> None:
    read_twice = (ldr(2, 0, 4), NOP, NOP, *mov32(4, 1), ldr(3, 0, 4), BKPT)
    board.run(*mov32(0, 0xE000_1000), movs(1, 1), store(1, 0), *read_twice)
    assert (board.register("r2"), board.register("r3")) == (0, 0)
    board.run(*ENABLE_CYCLE_COUNTER, *read_twice)
    assert board.register("r3") - board.register("r2") == 5
    board.run(*ENABLE_CYCLE_COUNTER, movs(1, 0), store(1, 0, 4), NOP, NOP, ldr(2, 0, 4), BKPT)
    assert board.register("r2") == 3


def test_a_core_without_cycle_counter_says_so() -> None:
    board = bench("nucleo-g0b1re")
    assert board.word(0xE000_1000) == 1 << 25
    board.machine.write_memory(0xE000_1000, b"\x01\0\0\0")
    assert board.word(0xE000_1004) == 0


def test_systick_interrupts_every_period_and_returns(board: Bench) -> None:
    # The main loop counts in r4, the handler in r5; both keep off each other's registers.
    handler = assemble(adds(5, 1), 0x2D0A, 0xD000, BX_LR, BKPT)  # until r5 is 10
    board.machine.write_memory(HANDLER, handler)
    code = (*START_SYSTICK, movs(4, 0), adds(4, 1), 0xE7FD)
    assert board.run(*code, handlers={15: HANDLER}).kind is StopKind.BREAKPOINT
    assert board.register("r5") == 10
    assert board.register("xpsr") & 0x1FF == 15
    assert 10 * 100 <= board.machine.cycles <= 10 * 100 + 60
    frame_pc = board.word(board.register("sp") + 24)
    assert CODE < frame_pc < CODE + 2 * len(code)


def test_systick_waits_while_primask_is_set(board: Bench) -> None:
    board.machine.write_memory(HANDLER, assemble(BKPT))
    wait = (movs(4, 200), subs(4, 1), bne(-2))
    code = (CPSID_I, *START_SYSTICK, *wait, movs(6, 1), CPSIE_I, NOP, NOP, SPIN)
    board.run(*code, handlers={15: HANDLER})
    assert board.register("xpsr") & 0x1FF == 15
    assert board.register("r6") == 1


def test_systick_value_counts_down_and_flags_the_wrap() -> None:
    tick = SysTick()
    tick.write_reload(9, 100)
    tick.clear(100)
    tick.write_control(1, 100)
    assert [tick.value(100 + elapsed) for elapsed in (0, 1, 2, 10, 11, 20, 21)] == [0, 9, 8, 0, 9, 0, 9]
    assert tick.read_control(109) & COUNTFLAG == 0
    assert tick.read_control(110) & COUNTFLAG
    assert tick.read_control(111) & COUNTFLAG == 0, "reading clears the flag"
    assert tick.next_wrap(100) is None, "TICKINT is off"
    tick.write_control(3, 111)
    assert [tick.next_wrap(cycles) for cycles in (111, 119, 120, 129)] == [120, 120, 130, 130]


def test_counts_are_the_same_in_every_process() -> None:
    script = (
        "from tests.virtual_board.firmware import *\n"
        "b = bench()\n"
        "b.run(*ENABLE_CYCLE_COUNTER, movs(0, 250), *mov32(2, 7), subs(0, 1), bne(-10), BKPT)\n"
        "print(b.machine.instructions, b.machine.cycles, b.word(0xE0001004))"
    )
    outputs = {
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(outputs) == 1
    assert outputs.pop().split()[0] == str(9 + 1 + 250 * 4)
