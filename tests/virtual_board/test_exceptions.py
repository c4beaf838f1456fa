"""Exceptions as the core takes them when no debugger catches them."""

from __future__ import annotations

import pytest

from tests.virtual_board.firmware import (
    BKPT,
    BX_LR,
    CODE,
    DTCM,
    ENABLE_FPU,
    FLASH,
    ISB,
    NOP,
    SPIN,
    STACK_TOP,
    SVC,
    UNDEFINED,
    VADD_F32,
    Bench,
    assemble,
    bench,
    ldr,
    mov32,
    movs,
    store,
)
from utvm.virtual_board import faults
from utvm.virtual_board.target import StopKind

HANDLER, OTHER_HANDLER = FLASH + 0x400, FLASH + 0x480
DEMCR_ADDR, SHCSR_ADDR, CFSR_ADDR = 0xE000_EDFC, 0xE000_ED24, 0xE000_ED28


@pytest.fixture
def board() -> Bench:
    """A board whose debugger lets the firmware take its own faults."""
    ready = bench()
    ready.machine.write_memory(DEMCR_ADDR, bytes(4))
    return ready


def test_svc_stacks_a_frame_and_returns_behind_the_call(board: Bench) -> None:
    board.machine.write_memory(HANDLER, assemble(movs(7, 1), BX_LR))
    assert board.run(movs(0, 5), movs(7, 0), SVC, movs(6, 2), BKPT, handlers={11: HANDLER}).kind is StopKind.BREAKPOINT
    assert [board.register(name) for name in ("r0", "r6", "r7", "sp")] == [5, 2, 1, STACK_TOP]
    assert board.register("xpsr") & 0x1FF == 0


def test_the_frame_holds_what_the_architecture_says(board: Bench) -> None:
    board.machine.write_memory(HANDLER, assemble(BKPT))
    board.run(movs(0, 1), movs(1, 2), movs(2, 3), movs(3, 4), 0xB081, SVC, handlers={11: HANDLER})  # sub sp, #4
    sp = board.register("sp")
    assert sp % 8 == 0
    frame = [board.word(sp + 4 * index) for index in range(8)]
    assert frame[:4] == [1, 2, 3, 4]
    assert frame[6] == CODE + 12
    assert frame[7] >> 9 & 1, "the stack was realigned by a word"
    assert board.register("lr") == 0xFFFF_FFF9


def test_floating_point_registers_are_kept_over_an_exception(board: Bench) -> None:
    board.machine.write_memory(HANDLER, assemble(0xEE30, 0x0A00, BX_LR))  # vadd.f32 s0, s0, s0
    one = (*mov32(3, 0x3F80_0000), 0xEE00, 0x3A10)  # vmov s0, r3
    assert board.run(*ENABLE_FPU, *one, *VADD_F32, SVC, BKPT, handlers={11: HANDLER}).kind is StopKind.BREAKPOINT
    assert board.register("s0") == 0x3F80_0000
    assert board.register("sp") == STACK_TOP


def test_an_enabled_fault_goes_to_its_handler_another_to_hardfault(board: Bench) -> None:
    board.machine.write_memory(HANDLER, assemble(BKPT))
    board.machine.write_memory(OTHER_HANDLER, assemble(NOP, BKPT))
    handlers = {3: HANDLER, 5: OTHER_HANDLER}
    access = (*mov32(0, 0x6000_0000), ldr(1, 0))
    board.run(*access, handlers=handlers)
    assert (board.register("pc"), board.register("xpsr") & 0x1FF) == (HANDLER, 3)
    assert board.machine.fault_registers()["hfsr"] == 1 << 30
    enable = (*mov32(2, SHCSR_ADDR), *mov32(3, 0x0002_0000), store(3, 2))
    board.run(*enable, *access, handlers=handlers)
    assert (board.register("pc"), board.register("xpsr") & 0x1FF) == (OTHER_HANDLER + 2, 5)
    assert board.machine.fault_registers()["hfsr"] == 0
    assert board.word(board.register("sp") + 24) == CODE + 26, "the stacked PC is that of the failed load"


def test_fault_status_is_cleared_by_writing_ones(board: Bench) -> None:
    board.machine.write_memory(HANDLER, assemble(BKPT))
    board.run(UNDEFINED, handlers={3: HANDLER})
    assert board.word(CFSR_ADDR) == faults.UNDEFINSTR
    board.machine.write_memory(CFSR_ADDR, faults.UNDEFINSTR.to_bytes(4, "little"))
    assert board.word(CFSR_ADDR) == 0


def test_a_fault_in_the_hardfault_handler_locks_up(board: Bench) -> None:
    board.machine.write_memory(HANDLER, assemble(UNDEFINED))
    event = board.run(UNDEFINED, handlers={3: HANDLER})
    assert event.kind is StopKind.LOCKUP
    assert "lockup" in event.message


def test_a_stack_outside_of_memory_is_a_stacking_fault(board: Bench) -> None:
    board.machine.write_memory(HANDLER, assemble(BKPT))
    board.run(*mov32(0, 0x1000_0000), 0x4685, UNDEFINED, handlers={3: HANDLER})  # mov sp, r0
    assert board.machine.fault_registers()["cfsr"] & (1 << 12)


def test_vector_catch_survives_firmware_that_sets_trcena_alone() -> None:
    caught = bench()
    code = (*mov32(0, DEMCR_ADDR), *mov32(1, 1 << 24), store(1, 0), UNDEFINED)
    assert caught.run(*code, handlers={3: HANDLER}).kind is StopKind.UNDEFINED


def test_pendsv_is_taken_when_pended(board: Bench) -> None:
    board.machine.write_memory(HANDLER, assemble(movs(7, 9), BX_LR))
    pend = (*mov32(0, 0xE000_ED04), *mov32(1, 1 << 28), store(1, 0), 0xF3BF, 0x8F6F, 0xE7FF)  # isb, then a new block
    assert board.run(*pend, NOP, BKPT, handlers={14: HANDLER}).kind is StopKind.BREAKPOINT
    assert board.register("r7") == 9


def test_thread_mode_may_use_the_process_stack(board: Bench) -> None:
    board.machine.write_memory(HANDLER, assemble(BX_LR))
    use_psp = (*mov32(0, DTCM + 0x800), 0xF380, 0x8809, movs(1, 2), 0xF381, 0x8814, 0xF3BF, 0x8F6F)
    assert board.run(*use_psp, SVC, BKPT, handlers={11: HANDLER}).kind is StopKind.BREAKPOINT
    assert board.register("sp") == board.register("psp") == DTCM + 0x800
    assert board.register("msp") == STACK_TOP


def test_an_interrupt_without_a_readable_vector_locks_up(board: Bench) -> None:
    vtor = (*mov32(0, 0xE000_ED08), *mov32(1, 0x6000_0000), store(1, 0))
    pend = (*mov32(0, 0xE000_ED04), *mov32(1, 1 << 26), store(1, 0), *ISB, SPIN)
    event = board.run(*vtor, *pend)
    assert event.kind is StopKind.LOCKUP
    assert "vector" in event.message
