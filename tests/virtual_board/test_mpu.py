"""The memory protection unit: its registers, and the faults of forbidden accesses."""

from __future__ import annotations

import pytest

from tests.virtual_board.firmware import (
    BKPT,
    BX_LR,
    DTCM,
    FLASH,
    ISB,
    ITCM,
    Bench,
    assemble,
    bench,
    bne,
    ldr,
    mov32,
    movs,
    store,
    subs,
)
from utvm.virtual_board import mpu
from utvm.virtual_board.faults import DACCVIOL, IACCVIOL, MMARVALID
from utvm.virtual_board.target import StopEvent, StopKind

BUS = 0xE000_0000
MEM_FAULT_ENABLE = 1 << 16
SHCSR_ADDR, DEMCR_ADDR = 0xE000_ED24, 0xE000_EDFC
HANDLER, OTHER_HANDLER = FLASH + 0x400, FLASH + 0x480
ON, BEHIND = mpu.CTRL_ENABLE, mpu.CTRL_PRIVDEFENA
NO_ACCESS, READ_ONLY = 0, 6


def rasr(size_bytes: int, access: int, subregions_off: int = 0) -> int:
    return access << 24 | subregions_off << 8 | (size_bytes.bit_length() - 2) << 1 | 1


def write(register: int, value: int) -> tuple[int, ...]:
    return (*mov32(0, BUS + register), *mov32(1, value), store(1, 0))


def region(number: int, base_addr: int, attributes: int) -> tuple[int, ...]:
    return (*write(mpu.RNR, number), *write(mpu.RBAR, base_addr), *write(mpu.RASR, attributes))


def enable(control: int = ON | BEHIND) -> tuple[int, ...]:
    return (*write(mpu.CTRL, control), *ISB)


def load(addr: int) -> tuple[int, ...]:
    return (*mov32(2, addr), ldr(3, 2))


def save(addr: int) -> tuple[int, ...]:
    return (*mov32(2, addr), movs(3, 7), store(3, 2))


NULL_GUARD = region(0, 0, rasr(256, NO_ACCESS))


@pytest.fixture
def board() -> Bench:
    return bench()


def forbidden(event: StopEvent, addr: int, verb: str, board: Bench) -> bool:
    status = board.machine.fault_registers()
    assert status["cfsr"] == DACCVIOL | MMARVALID
    assert status["mmfar"] == addr
    assert status["bfar"] == 0
    return event.kind is StopKind.BUS_FAULT and f"{verb} {addr:#010x}" in event.message and "MPU" in event.message


def test_registers_read_back(board: Bench) -> None:
    board.run(*region(3, 0x2000_0100, rasr(256, READ_ONLY, 0x81)), *enable(), BKPT)
    assert board.word(BUS + mpu.TYPE) == 8 << 8
    assert [board.word(BUS + offset) for offset in (mpu.CTRL, mpu.RNR)] == [5, 3]
    assert board.word(BUS + mpu.RBAR) == 0x2000_0103
    assert board.word(BUS + mpu.RASR) == rasr(256, READ_ONLY, 0x81)
    assert board.word(BUS + mpu.ALIASES) == 0x2000_0103, "an alias of RBAR"
    board.machine.reset()
    assert [board.word(BUS + offset) for offset in (mpu.CTRL, mpu.RNR, mpu.RBAR)] == [0, 0, 0]


def test_the_base_register_can_choose_the_region(board: Bench) -> None:
    board.run(*write(mpu.RBAR, DTCM | mpu.RBAR_VALID | 5), BKPT)
    assert board.word(BUS + mpu.RNR) == 5
    assert board.word(BUS + mpu.RBAR) == DTCM | 5


def test_an_armv8m_region_has_a_limit() -> None:
    board = bench("nucleo-u575zi-q")
    board.run(*region(4, DTCM | 4, DTCM + 0x3E0 | 1), *write(mpu.ALIASES + 8, DTCM + 0x800), BKPT)
    assert (board.word(BUS + mpu.RBAR), board.word(BUS + mpu.RASR)) == (DTCM | 4, DTCM + 0x3E0 | 1)
    board.machine.write_memory(BUS + mpu.RNR, (6).to_bytes(4, "little"))
    assert board.word(BUS + mpu.RBAR) == DTCM + 0x800, "the second alias is of region 4 * 1 + 2"


@pytest.mark.parametrize("addr", [ITCM, ITCM + 0xFC])
def test_a_region_without_access_faults_on_reads_and_writes(board: Bench, addr: int) -> None:
    board.machine.write_memory(addr, bytes([1, 2, 3, 4]))
    assert forbidden(board.run(*NULL_GUARD, *enable(), *load(addr), BKPT), addr, "read from", board)
    assert forbidden(board.run(*NULL_GUARD, *enable(), *save(addr), BKPT), addr, "write to", board)
    assert board.machine.read_memory(board.register("pc"), 2) == assemble(store(3, 2))
    assert board.machine.read_memory(addr, 4) == bytes([1, 2, 3, 4]), "the debugger is not checked"


def test_its_neighbours_are_reached_before_and_after_a_fault(board: Bench) -> None:
    board.machine.write_memory(ITCM + 0x100, bytes([9, 0, 0, 0]))
    around = (*save(ITCM + 0x104), *load(ITCM + 0x100), *save(ITCM + 0x400), *load(ITCM + 0x3FC), *load(ITCM + 0x100))
    event = board.run(*NULL_GUARD, *enable(), *around, *load(ITCM + 0x10), BKPT)
    assert forbidden(event, ITCM + 0x10, "read from", board)
    assert board.register("r3") == 9
    assert (board.word(ITCM + 0x104), board.word(ITCM + 0x400)) == (7, 7)


def test_code_may_lie_next_to_a_forbidden_range(board: Bench) -> None:
    board.machine.write_memory(ITCM + 0x200, assemble(0x4B00, BX_LR, 0x1234, 0))  # ldr r3, [pc], whose word follows
    call = (*mov32(4, ITCM + 0x201), 0x47A0)  # blx r4
    event = board.run(*NULL_GUARD, *enable(), *call, *call, *save(ITCM), BKPT)
    assert forbidden(event, ITCM, "write to", board)
    assert board.register("r3") == 7
    board.machine.write_memory(ITCM, bytes(8))
    event = board.run(*NULL_GUARD, *enable(), *call, *save(ITCM + 4), BKPT)
    assert forbidden(event, ITCM + 4, "write to", board)
    assert board.machine.read_memory(board.register("pc"), 2) == assemble(store(3, 2)), "the store waits to be done"
    assert board.machine.read_memory(ITCM, 8) == bytes(8), "nothing was stored"


def test_code_in_a_region_without_access_is_not_executed(board: Bench) -> None:
    board.machine.write_memory(ITCM + 0x10, assemble(BX_LR))
    event = board.run(*NULL_GUARD, *enable(), *mov32(4, ITCM + 0x11), 0x47A0, BKPT)
    assert event.kind is StopKind.BUS_FAULT
    assert board.machine.fault_registers()["cfsr"] == IACCVIOL


def test_what_was_read_before_is_forbidden_from_then_on(board: Bench) -> None:
    event = board.run(*load(ITCM), *save(ITCM), *NULL_GUARD, *enable(), *load(ITCM), BKPT)
    assert forbidden(event, ITCM, "read from", board)


def test_turning_it_off_or_a_reset_lifts_it(board: Bench) -> None:
    lifted = (*NULL_GUARD, *enable(), *enable(0), *save(ITCM), BKPT)
    assert board.run(*lifted).kind is StopKind.BREAKPOINT
    assert board.word(ITCM) == 7
    board.run(*NULL_GUARD, *enable(), *load(ITCM), BKPT)
    assert board.run(*load(ITCM), BKPT).kind is StopKind.BREAKPOINT


def test_a_step_is_checked_too(board: Bench) -> None:
    board.run(*NULL_GUARD, *enable(), *mov32(2, ITCM), BKPT)
    board.machine.write_memory(board.register("pc"), assemble(ldr(3, 2)))
    assert forbidden(board.machine.step(), ITCM, "read from", board)


def test_a_read_only_region_faults_on_writes(board: Bench) -> None:
    guard = region(1, DTCM + 0x1000, rasr(0x1000, READ_ONLY))
    event = board.run(*guard, *enable(), *load(DTCM + 0x1FFC), *save(DTCM + 0x1FFC), BKPT)
    assert forbidden(event, DTCM + 0x1FFC, "write to", board)


def test_the_region_of_the_highest_number_and_subregions_win(board: Bench) -> None:
    code = (
        *region(0, DTCM, rasr(0x1000, NO_ACCESS)),
        *region(1, DTCM + 0x800, rasr(256, READ_ONLY)),
        *region(2, DTCM, rasr(0x1000, READ_ONLY, 0xFB)),  # only its third eighth is on
        *enable(),
    )
    readable = (*load(DTCM + 0x800), *load(DTCM + 0x400), *load(DTCM + 0x5FC), *save(DTCM + 0x1000))
    assert board.run(*code, *readable, BKPT).kind is StopKind.BREAKPOINT
    for addr in (DTCM + 0x3FC, DTCM + 0x600, DTCM + 0x900):
        assert forbidden(board.run(*code, *load(addr), BKPT), addr, "read from", board)


def test_without_the_default_map_what_no_region_allows_is_forbidden(board: Bench) -> None:
    flash, dtcm = region(0, FLASH, rasr(0x10_0000, 3)), region(1, DTCM, rasr(0x1_0000, 3))
    allowed = (*flash, *dtcm, *enable(ON))
    assert board.run(*allowed, *load(DTCM), BKPT).kind is StopKind.BREAKPOINT
    for addr in (0x2001_0000, 0x4002_3800, 0x6000_0000):  # RAM, a peripheral, nothing
        assert forbidden(board.run(*allowed, *load(addr), BKPT), addr, "read from", board)


def test_memmanage_takes_it_and_hardfault_while_that_is_disabled(board: Bench) -> None:
    board.machine.write_memory(DEMCR_ADDR, bytes(4))  # the debugger lets the firmware take its faults
    # The handlers read what is forbidden: HardFault may, since HFNMIENA is 0.
    board.machine.write_memory(HANDLER, assemble(*load(ITCM), BKPT))
    board.machine.write_memory(OTHER_HANDLER, assemble(BKPT))
    handlers = {3: HANDLER, 4: OTHER_HANDLER}
    fault = (*NULL_GUARD, *enable(), *load(ITCM))
    board.run(*fault, handlers=handlers)
    assert board.register("pc") == HANDLER + 10
    assert board.register("xpsr") & 0x1FF == 3
    assert board.machine.fault_registers() == {"cfsr": DACCVIOL | MMARVALID, "hfsr": 1 << 30, "mmfar": 0, "bfar": 0}
    board.run(*write(SHCSR_ADDR - BUS, MEM_FAULT_ENABLE), *fault, handlers=handlers)
    assert (board.register("pc"), board.register("xpsr") & 0x1FF) == (OTHER_HANDLER, 4)
    assert board.machine.fault_registers()["hfsr"] == 0


def test_flash_stays_write_protected_next_to_a_forbidden_range(board: Bench) -> None:
    guard = region(0, FLASH + 0x1000, rasr(256, NO_ACCESS))
    event = board.run(*guard, *enable(), *load(FLASH + 0x1100), *save(FLASH + 0x1100), BKPT)
    assert event.kind is StopKind.BUS_FAULT
    assert board.machine.fault_registers()["cfsr"] == 1 << 15 | 1 << 9
    event = board.run(*guard, *enable(), *load(FLASH + 0x1000), BKPT)
    assert forbidden(event, FLASH + 0x1000, "read from", board)


def test_armv8m_forbids_what_is_outside_of_its_regions_and_where_they_overlap() -> None:
    board = bench("nucleo-u575zi-q")
    flash, sram = region(0, FLASH, FLASH + 0x1F_FFE0 | 1), region(1, DTCM, DTCM + 0x7FE0 | 1)
    read_only = region(2, DTCM + 0x8000 | 4, DTCM + 0x8FE0 | 1)
    overlap = region(3, DTCM + 0x7000, DTCM + 0x70E0 | 1)
    code = (*flash, *sram, *read_only, *overlap, *enable(ON))
    assert board.run(*code, *save(DTCM), *load(DTCM + 0x8000), BKPT).kind is StopKind.BREAKPOINT
    assert forbidden(board.run(*code, *save(DTCM + 0x8000), BKPT), DTCM + 0x8000, "write to", board)
    for addr in (0, DTCM + 0x70FC, DTCM + 0x9000):
        assert forbidden(board.run(*code, *load(addr), BKPT), addr, "read from", board)


def test_a_core_without_one_says_so() -> None:
    unit = mpu.Mpu("cortex-m0")
    unit.write(mpu.CTRL, ON)
    assert [unit.read(offset) for offset in (mpu.TYPE, mpu.CTRL)] == [0, 0]
    assert unit.denied(in_fault_handler=False) == ()


def test_armv6m_regions_have_256_bytes_or_more() -> None:
    unit = mpu.Mpu("cortex-m0plus")
    unit.write(mpu.RBAR, 0x2000_01A0 | mpu.RBAR_VALID | 2)
    unit.write(mpu.RASR, rasr(32, NO_ACCESS))
    unit.write(mpu.CTRL, ON | BEHIND)
    assert unit.read(mpu.RBAR) == 0x2000_0102
    assert unit.denied(in_fault_handler=False) == [(0x2000_0100, 0x2000_0200, True, True)]


def test_counts_do_not_depend_on_protection(board: Bench) -> None:
    loop = (*mov32(2, ITCM + 0x200), movs(1, 200), ldr(3, 2), store(3, 2, 4), subs(1, 1), bne(-6), BKPT)
    counts = []
    for control in (ON | BEHIND, 0):
        before = board.machine.instructions, board.machine.cycles
        assert board.run(*NULL_GUARD, *enable(control), *loop).kind is StopKind.BREAKPOINT
        counts.append((board.machine.instructions - before[0], board.machine.cycles - before[1]))
    assert counts[0] == counts[1]
