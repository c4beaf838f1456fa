"""The core's debug registers through the debug port: run control, registers, comparators, reset, flash."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest

from tests.virtual_board.jtag_client import CTRL_STAT, DHCSR, KEY, POWER_UP, S_HALT, STICKYERR, JtagClient
from utvm.boards import load_board
from utvm.virtual_board.jtag import JtagDoor
from utvm.virtual_board.machine import Machine

DTCM = 0x2000_0000
DFSR, DEMCR, AIRCR, CPUID = 0xE000_ED30, 0xE000_EDFC, 0xE000_ED0C, 0xE000_ED00
FP_CTRL, FP_COMP0 = 0xE000_2000, 0xE000_2008
DWT_COMP0, DWT_MASK0, DWT_FUNCTION0 = 0xE000_1020, 0xE000_1024, 0xE000_1028
RUN, HALT, STEP = 1, 3, 5
S_RESET_ST, S_LOCKUP = 1 << 25, 1 << 19
PC, XPSR, SP = 15, 16, 13
COUNT_FOREVER = 0xE7FD_3001  # loop: adds r0, #1; b loop
STORE_FOREVER = 0xE7FD_6008  # loop: str r0, [r1]; b loop
FLASH_KEYR, FLASH_CR = 0x4002_3C04, 0x4002_3C10


@pytest.fixture
def machine() -> Machine:
    return Machine(load_board("stm32f746-disco"))


@pytest.fixture
def jtag(machine: Machine) -> Iterator[JtagClient]:
    door = JtagDoor(machine)
    door.registers.connect()
    client = JtagClient(door.port.feed)
    client.reset()
    client.write_dp(CTRL_STAT, POWER_UP | STICKYERR)
    yield client
    door.registers.halt()


def control(jtag: JtagClient, bits: int) -> None:
    jtag.write_word(DHCSR, KEY | bits)


def load(jtag: JtagClient, code: int) -> None:
    jtag.write_word(DTCM, code)
    jtag.write_register(PC, DTCM)
    jtag.write_register(XPSR, 1 << 24)
    jtag.write_register(0, 0)


def test_a_new_board_waits_halted_with_its_identity(jtag: JtagClient) -> None:
    assert jtag.read_word(DHCSR) & (S_HALT | 0xF) == S_HALT | 3
    assert jtag.read_word(CPUID) == 0x410F_C271
    assert jtag.read_word(0xE004_2000) == 0x1001_6449
    assert jtag.read_word(0x1FF0_F440) >> 16 == 1024
    assert jtag.read_word(FP_CTRL) == 0x1000_0080
    assert jtag.read_word(0xE000_1000) >> 28 == 4
    assert (jtag.read_word(0xE000_EF40), jtag.read_word(0xE000_EF44)) == (0x1011_0021, 0x1100_0011)


@pytest.mark.parametrize("selector", [0, 7, 12, 13, 14, 17, 18, 64, 65, 95])
def test_registers_keep_what_is_written(jtag: JtagClient, selector: int) -> None:
    jtag.write_register(selector, 0x1234_5670)
    assert jtag.read_register(selector) == 0x1234_5670


def test_the_floating_point_status_keeps_its_rounding_mode(jtag: JtagClient) -> None:
    jtag.write_register(33, 3 << 22)
    assert jtag.read_register(33) == 3 << 22


def test_single_registers_are_halves_of_doubles(jtag: JtagClient, machine: Machine) -> None:
    jtag.write_register(64 + 6, 0x1111_1111)
    jtag.write_register(64 + 7, 0x2222_2222)
    assert machine.read_register("d3") == 0x2222_2222_1111_1111


def test_masks_and_control_share_a_register(jtag: JtagClient, machine: Machine) -> None:
    jtag.write_register(20, 0x0000_4001)
    assert (machine.read_register("primask"), machine.read_register("basepri")) == (1, 0x40)
    assert jtag.read_register(20) & 0x00FF_FFFF == 0x0000_4001


def test_the_core_runs_halts_and_memory_is_read_meanwhile(jtag: JtagClient) -> None:
    jtag.write_register(1, DTCM + 0x100)
    load(jtag, STORE_FOREVER)
    jtag.write_register(0, 0x55)
    control(jtag, RUN)
    assert not jtag.read_word(DHCSR) & S_HALT
    for _ in range(1000):
        if jtag.read_word(DTCM + 0x100) == 0x55:
            break
    assert jtag.read_word(DTCM + 0x100) == 0x55
    control(jtag, HALT)
    jtag.wait_halted()
    assert jtag.read_word(DFSR) & 1
    assert jtag.read_register(PC) in (DTCM, DTCM + 2)


def test_a_write_without_the_key_is_ignored(jtag: JtagClient) -> None:
    jtag.write_word(DHCSR, RUN)
    assert jtag.read_word(DHCSR) & S_HALT


def test_single_steps(jtag: JtagClient) -> None:
    load(jtag, COUNT_FOREVER)
    for expected in (DTCM + 2, DTCM, DTCM + 2):
        control(jtag, STEP)
        jtag.wait_halted()
        assert jtag.read_register(PC) == expected
    assert jtag.read_register(0) == 2


def test_a_breakpoint_comparator_halts_before_the_instruction(jtag: JtagClient) -> None:
    load(jtag, COUNT_FOREVER)
    jtag.write_word(FP_COMP0, (DTCM + 2) | 1)
    jtag.write_word(FP_CTRL, 3)
    jtag.write_word(DFSR, 0x1F)
    control(jtag, RUN)
    jtag.wait_halted()
    assert (jtag.read_register(PC), jtag.read_register(0)) == (DTCM + 2, 1)
    assert jtag.read_word(DFSR) & 0x1F == 2
    assert jtag.read_word(FP_COMP0) == (DTCM + 2) | 1


def test_a_breakpoint_set_while_the_core_runs_halts_it(jtag: JtagClient) -> None:
    load(jtag, COUNT_FOREVER)
    control(jtag, RUN)
    jtag.write_word(FP_CTRL, 3)
    jtag.write_word(FP_COMP0, DTCM | 1)
    jtag.wait_halted()
    assert jtag.read_register(PC) == DTCM


def test_a_watchpoint_halts_after_the_access_and_shows_which_matched(jtag: JtagClient) -> None:
    load(jtag, STORE_FOREVER)
    jtag.write_register(0, 9)
    jtag.write_register(1, DTCM + 0x200)
    jtag.write_word(DWT_COMP0, DTCM + 0x200)
    jtag.write_word(DWT_MASK0, 2)
    jtag.write_word(DWT_FUNCTION0, 6)
    control(jtag, RUN)
    jtag.wait_halted()
    assert jtag.read_register(PC) == DTCM + 2
    assert jtag.read_word(DTCM + 0x200) == 9
    assert jtag.read_word(DWT_FUNCTION0) == 1 << 24 | 6
    assert jtag.read_word(DWT_FUNCTION0) == 6, "reading clears it"
    assert jtag.read_word(DFSR) & 4


def test_a_breakpoint_instruction_halts(jtag: JtagClient) -> None:
    load(jtag, 0xBE11_3001)
    control(jtag, RUN)
    jtag.wait_halted()
    assert (jtag.read_register(PC), jtag.read_word(DFSR) & 2) == (DTCM + 2, 2)


def test_code_changed_by_the_debugger_is_executed_anew(jtag: JtagClient) -> None:
    load(jtag, 0xBE11_3001)  # adds r0, #1; bkpt
    control(jtag, RUN)
    jtag.wait_halted()
    load(jtag, 0xBE11_3007)
    control(jtag, RUN)
    jtag.wait_halted()
    assert jtag.read_register(0) == 7


def test_a_caught_fault_halts_and_an_uncaught_one_locks_up_without_a_handler(jtag: JtagClient) -> None:
    load(jtag, 0xDE00_DE00)
    jtag.write_word(DEMCR, 0x0100_07F0)
    control(jtag, RUN)
    jtag.wait_halted()
    assert jtag.read_word(DFSR) & 8
    jtag.write_word(DEMCR, 0x0100_0000)
    load(jtag, 0xDE00_DE00)
    control(jtag, RUN)
    for _ in range(500):
        state = jtag.read_word(DHCSR)
        if state & S_LOCKUP:
            break
    assert state & (S_LOCKUP | S_HALT) == S_LOCKUP
    control(jtag, HALT)
    assert jtag.wait_halted() & S_LOCKUP == 0


@pytest.mark.parametrize("by_pin", [False, True])
def test_reset_halts_at_the_vector_if_that_is_caught(jtag: JtagClient, by_pin: bool) -> None:
    jtag.write_word(DTCM, 0x1234)
    jtag.write_word(DEMCR, 1)
    jtag.write_register(0, 5)
    jtag.read_word(DHCSR)
    if by_pin:
        jtag.exchange(b"sr")
    else:
        jtag.write_word(AIRCR, 0x05FA_0004)
    assert jtag.read_word(DHCSR) & (S_RESET_ST | S_HALT) == S_RESET_ST | S_HALT
    assert not jtag.read_word(DHCSR) & S_RESET_ST, "reading clears it"
    assert (jtag.read_register(0), jtag.read_word(DTCM)) == (0, 0x1234)


def test_reset_of_a_running_core_runs_on_from_the_vector(jtag: JtagClient, machine: Machine) -> None:
    machine.write_memory(0x0800_0000, struct.pack("<III", DTCM + 0x1000, 0x0800_0009, COUNT_FOREVER))
    load(jtag, COUNT_FOREVER)
    control(jtag, RUN)
    jtag.write_word(AIRCR, 0x05FA_0004)
    assert not jtag.read_word(DHCSR) & S_HALT
    control(jtag, HALT)
    jtag.wait_halted()
    assert jtag.read_register(PC) in (0x0800_0008, 0x0800_000A)
    assert jtag.read_register(SP) == DTCM + 0x1000


def unlock(jtag: JtagClient) -> None:
    for key in (0x4567_0123, 0xCDEF_89AB):
        jtag.write_word(FLASH_KEYR, key)


def test_flash_is_unlocked_programmed_and_erased(jtag: JtagClient) -> None:
    unlock(jtag)
    jtag.write_word(FLASH_CR, 0x201)
    jtag.write_word(0x0800_0004, 0xFFFF_0000)
    jtag.write_word(0x0800_0004, 0x0F0F_0F0F)
    assert jtag.read_word(0x0800_0004) == 0x0F0F_0000, "programming only clears bits"
    jtag.write_word(FLASH_CR, 1 << 16 | 0x202)
    assert jtag.read_word(0x0800_0004) == 0xFFFF_FFFF
    jtag.write_word(FLASH_CR, 1 << 31)
    jtag.write_word(FLASH_CR, 0x201)
    assert jtag.read_word(FLASH_CR) >> 31 == 1
    assert not jtag.read_dp(CTRL_STAT) & STICKYERR


def test_a_wrong_key_locks_the_flash_until_reset(jtag: JtagClient) -> None:
    jtag.write_word(FLASH_KEYR, 1)
    unlock(jtag)
    assert jtag.read_word(FLASH_CR) >> 31 == 1
    jtag.write_word(AIRCR, 0x05FA_0004)
    unlock(jtag)
    assert jtag.read_word(FLASH_CR) >> 31 == 0
