"""Memory, faults, floating point and breakpoints of the emulated core."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.virtual_board.firmware import (
    BKPT,
    CODE,
    DTCM,
    ENABLE_FPU,
    FLASH,
    ISB,
    ITCM,
    NOP,
    SDIV_R3_R1_R2,
    SPIN,
    SRAM1,
    SRAM2,
    STACK_TOP,
    UNDEFINED,
    VADD_F32,
    VADD_F64,
    WFI,
    Bench,
    adds,
    bench,
    ldr,
    mov32,
    movs,
    store,
)
from utvm.virtual_board import faults
from utvm.virtual_board.memory import MemoryFault
from utvm.virtual_board.target import StopKind

CCR_ADDR, BFAR_ADDR = 0xE000_ED14, 0xE000_ED38


@pytest.fixture
def board() -> Iterator[Bench]:
    yield bench()


def test_reset_takes_stack_and_pc_from_the_vector_table(board: Bench) -> None:
    board.load(BKPT)
    assert (board.register("sp"), board.register("pc")) == (STACK_TOP, CODE)
    assert board.register("lr") == 0xFFFF_FFFF


@pytest.mark.parametrize("addr", [ITCM, DTCM, STACK_TOP - 4, SRAM1, SRAM2, SRAM2 + 0x3FFC])
def test_code_reads_and_writes_every_ram(board: Bench, addr: int) -> None:
    event = board.run(*mov32(0, addr), *mov32(1, 0x1234_5678), store(1, 0), ldr(2, 0), BKPT)
    assert event.kind is StopKind.BREAKPOINT
    assert board.register("r2") == board.word(addr) == 0x1234_5678


def test_ram_is_zero_and_flash_erased_at_power_up(board: Bench) -> None:
    assert board.machine.read_memory(DTCM, 64) == bytes(64)
    assert board.machine.read_memory(FLASH + 0x8000, 64) == b"\xff" * 64


@pytest.mark.parametrize("addr", [0x0000_4000, 0x0810_0000, 0x2005_0000, 0x6000_0000, 0xA000_0000])
@pytest.mark.parametrize("access", [ldr(1, 0), store(1, 0)])
def test_access_outside_of_memory_halts_at_the_instruction(board: Bench, addr: int, access: int) -> None:
    event = board.run(*mov32(0, addr), movs(2, 7), access, movs(2, 8), BKPT)
    status = board.machine.fault_registers()
    assert event.kind is StopKind.BUS_FAULT
    assert board.register("pc") == CODE + 10
    assert board.register("r2") == 7
    assert status["bfar"] == addr
    assert status["cfsr"] == faults.PRECISERR | faults.BFARVALID


def test_flash_is_written_by_the_debugger_only(board: Bench) -> None:
    board.machine.write_memory(FLASH + 0x8000, b"\x11\x22\x33\x44")
    event = board.run(*mov32(0, FLASH + 0x8000), movs(1, 0), store(1, 0), BKPT)
    assert event.kind is StopKind.BUS_FAULT
    assert board.word(FLASH + 0x8000) == 0x4433_2211


def test_the_debugger_reads_across_neighbouring_regions_and_not_beyond(board: Bench) -> None:
    data = bytes(range(256))
    board.machine.write_memory(SRAM1 - 128, data)
    assert board.machine.read_memory(SRAM1 - 128, 256) == data
    with pytest.raises(MemoryFault, match="0x20050000"):
        board.machine.write_memory(SRAM2 + 0x3FF0, data)
    assert board.machine.read_memory(SRAM2 + 0x3FF0, 16) == bytes(16)


def test_jump_to_nowhere_and_without_thumb_bit(board: Bench) -> None:
    assert board.run(*mov32(0, 0x3000_0001), 0x4700).kind is StopKind.BUS_FAULT
    assert board.machine.fault_registers()["cfsr"] == faults.IBUSERR
    assert board.run(*mov32(0, CODE), 0x4700).kind is StopKind.UNDEFINED
    assert board.machine.fault_registers()["cfsr"] == faults.INVSTATE


def test_undefined_instruction(board: Bench) -> None:
    assert board.run(NOP, UNDEFINED).kind is StopKind.UNDEFINED
    assert board.register("pc") == CODE + 2
    assert board.machine.fault_registers()["cfsr"] == faults.UNDEFINSTR


def test_floating_point_needs_cpacr(board: Bench) -> None:
    assert board.run(movs(3, 1), *VADD_F32, BKPT).kind is StopKind.UNDEFINED
    assert board.machine.fault_registers()["cfsr"] == faults.NOCP
    assert board.register("pc") == CODE + 2
    assert board.run(*ENABLE_FPU, *VADD_F32, BKPT).kind is StopKind.BREAKPOINT
    assert board.register("control") & 4, "FPCA is set by the first floating-point instruction"


def test_double_precision_is_undefined_on_a_single_precision_unit(board: Bench) -> None:
    assert board.run(*ENABLE_FPU, *VADD_F64, BKPT).kind is StopKind.UNDEFINED
    assert board.machine.fault_registers()["cfsr"] == faults.UNDEFINSTR


def test_division_by_zero_faults_only_when_asked_to(board: Bench) -> None:
    division = (movs(1, 6), movs(2, 0), *SDIV_R3_R1_R2)
    assert board.run(*division, BKPT).kind is StopKind.BREAKPOINT
    assert board.register("r3") == 0
    trap = (*mov32(4, CCR_ADDR), *mov32(5, 0x0210), store(5, 4), *ISB)
    assert board.run(*trap, movs(1, 6), movs(2, 3), *SDIV_R3_R1_R2, *division, BKPT).kind is StopKind.DIVIDE_BY_ZERO
    assert board.register("r3") == 2
    assert board.machine.fault_registers()["cfsr"] == faults.DIVBYZERO


def test_a_failed_store_in_an_it_block_leaves_the_registers_behind_it_alone(board: Bench) -> None:
    board.run(*mov32(1, 0x6000_0000), movs(0, 1), 0x2801, 0xBF02, store(0, 1), adds(0, 5), adds(0, 5), BKPT)
    assert board.register("r0") == 1
    assert board.register("pc") == CODE + 14


def test_breakpoints_hit_before_the_instruction_and_can_be_removed(board: Bench) -> None:
    board.load(movs(0, 0), adds(0, 1), 0x2803, 0xD1FC, BKPT)  # count to 3
    board.machine.set_breakpoint(CODE + 2)
    for expected in (0, 1, 2):
        assert board.machine.resume().kind is StopKind.BREAKPOINT
        assert (board.register("pc"), board.register("r0")) == (CODE + 2, expected)
        assert board.machine.step().kind is StopKind.STEP
    board.machine.clear_breakpoint(CODE + 2)
    board.machine.resume()
    assert board.register("pc") == CODE + 8


def test_steps_through_an_it_block_one_instruction_at_a_time(board: Bench) -> None:
    board.load(movs(0, 1), 0x2801, 0xBF0C, movs(2, 7), movs(2, 8), NOP, SPIN)  # ite eq
    seen = []
    for _ in range(8):
        board.machine.step()
        seen.append((board.register("pc") - CODE, board.register("r2")))
    assert seen == [(2, 0), (4, 0), (6, 0), (8, 7), (10, 7), (12, 7), (12, 7), (12, 7)]


def test_watchpoints_stop_before_the_access(board: Bench) -> None:
    board.load(*mov32(0, DTCM), movs(1, 5), store(1, 0, 4), store(1, 0, 8), ldr(2, 0, 8), BKPT)
    assert board.machine.set_watchpoint(DTCM + 9, 1, "write")
    event = board.machine.resume()
    assert (event.kind, event.watch_addr, event.watch_access) == (StopKind.WATCHPOINT, DTCM + 8, "write")
    assert board.register("pc") == CODE + 12
    board.machine.step()
    assert board.word(DTCM + 8) == 5
    board.machine.clear_watchpoint(DTCM + 9, 1, "write")
    assert board.machine.resume().kind is StopKind.BREAKPOINT
    assert all(board.machine.set_watchpoint(DTCM + 16 * index, 4, "access") for index in range(4))
    assert not board.machine.set_watchpoint(DTCM + 64, 4, "access")


@pytest.mark.parametrize("code", [(SPIN,), (WFI, SPIN), (NOP, NOP, 0xE7FC)])
def test_an_endless_loop_or_sleep_can_be_interrupted(board: Bench, code: tuple[int, ...]) -> None:
    board.load(*code)
    threading.Timer(0.02, board.machine.request_halt).start()
    assert board.machine.resume().kind is StopKind.INTERRUPT
    assert board.register("pc") <= CODE + 4


def test_code_changed_by_the_debugger_or_by_itself_is_executed_anew(board: Bench) -> None:
    assert board.run(movs(0, 1), BKPT).kind is StopKind.BREAKPOINT
    board.run(movs(0, 2), BKPT)
    assert board.register("r0") == 2
    # Executes movs r0, #1 in RAM, overwrites it with movs r0, #9, executes again.
    board.machine.write_memory(DTCM, (movs(0, 1)).to_bytes(2, "little") + b"\x70\x47")
    patched = movs(0, 9) | 0x4770 << 16
    call = (*mov32(4, DTCM | 1), 0x47A0)
    board.run(*call, *mov32(5, DTCM), *mov32(6, patched), store(6, 5), *call, BKPT)
    assert board.register("r0") == 9


def test_system_reset_request_restarts_the_program(board: Bench) -> None:
    # Counts its starts in RAM, which survives; resets itself once.
    code = (*mov32(0, DTCM), ldr(1, 0), adds(1, 1), store(1, 0), 0x2902, 0xD009)
    reset = (*mov32(2, 0xE000_ED0C), *mov32(3, 0x05FA_0004), store(3, 2), SPIN)
    assert board.run(*code, *reset, BKPT, BKPT).kind is StopKind.BREAKPOINT
    assert board.word(DTCM) == 2


@pytest.mark.parametrize(
    ("name", "cpuid"),
    [
        ("stm32f746-disco", 0x411F_C271),
        ("nucleo-l4r5zi", 0x410F_C241),
        ("nucleo-u575zi-q", 0x410F_D214),
        ("nucleo-g0b1re", 0x410C_C601),
        ("nucleo-h7a3zi-q", 0x411F_C271),
    ],
)
def test_every_board_runs_and_knows_its_core(name: str, cpuid: int) -> None:
    board = bench(name)
    code = board.machine.board.region(board.machine.board.placement.code).base_addr
    table = (0x2000_1000).to_bytes(4, "little") + (code + 0x201).to_bytes(4, "little")
    board.machine.write_memory(code, table)
    board.machine.write_memory(code + 0x200, b"".join(half.to_bytes(2, "little") for half in (movs(3, 42), BKPT)))
    board.machine.reset()
    assert board.machine.resume().kind is StopKind.BREAKPOINT
    assert board.register("r3") == 42
    assert board.word(0xE000_ED00) >> 4 & 0xFFF == cpuid >> 4 & 0xFFF
    assert ("fpscr" in board.machine.register_names) == (board.machine.board.core.fpu is not None)


def test_unaligned_access_faults_on_armv6m_only() -> None:
    for name, expected in (("nucleo-g0b1re", StopKind.USAGE_FAULT), ("stm32f746-disco", StopKind.BREAKPOINT)):
        board = bench(name)
        board.machine.write_memory(DTCM, b"".join(half.to_bytes(2, "little") for half in (ldr(1, 0), BKPT)))
        board.machine.write_register("r0", DTCM + 0x101)
        board.machine.write_register("sp", DTCM + 0x1000)
        board.machine.write_register("pc", DTCM)
        assert board.machine.resume().kind is expected
