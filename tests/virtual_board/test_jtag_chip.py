"""The STM32F746's own registers, as the debugger and the firmware see them."""

from __future__ import annotations

import pytest

from utvm.boards import load_board
from utvm.virtual_board.machine import Machine
from utvm.virtual_board.target import StopKind

DTCM, FLASH = 0x2000_0000, 0x0800_0000
RCC_CR, RCC_CFGR, FLASH_KEYR, FLASH_SR, FLASH_CR = 0x4002_3800, 0x4002_3808, 0x4002_3C04, 0x4002_3C0C, 0x4002_3C10
UNLOCKED_PG = 0x201
STORE_WORD = "0860 00be"  # str r0, [r1]; bkpt
STORE_BYTE = "0870 00be"
LOAD_WORD = "0868 00be"  # ldr r0, [r1]; bkpt


@pytest.fixture(scope="module")
def shared() -> Machine:
    return Machine(load_board("stm32f746-disco"))


@pytest.fixture
def machine(shared: Machine) -> Machine:
    shared.attach()
    shared.reset()
    return shared


def word(machine: Machine, addr: int) -> int:
    return int.from_bytes(machine.read_memory(addr, 4), "little")


def set_word(machine: Machine, addr: int, value: int) -> None:
    machine.write_memory(addr, value.to_bytes(4, "little"))


def run(machine: Machine, code: str, r0: int, r1: int) -> StopKind:
    """The stop of a few instructions of firmware."""
    machine.write_memory(DTCM, bytes.fromhex(code))
    for name, value in {"pc": DTCM, "r0": r0, "r1": r1}.items():
        machine.write_register(name, value)
    return machine.resume().kind


def unlock(machine: Machine) -> None:
    for key in (0x4567_0123, 0xCDEF_89AB):
        set_word(machine, FLASH_KEYR, key)
    set_word(machine, FLASH_CR, UNLOCKED_PG)


def test_firmware_programs_flash_only_while_the_controller_allows_it(machine: Machine) -> None:
    set_word(machine, FLASH + 0x100, 0xFFFF_FFFF)
    assert run(machine, STORE_WORD, 0x1234_5678, FLASH + 0x100) is StopKind.BUS_FAULT
    unlock(machine)
    assert run(machine, STORE_WORD, 0x1234_5678, FLASH + 0x100) is StopKind.BREAKPOINT
    assert word(machine, FLASH + 0x100) == 0x1234_5678
    assert run(machine, STORE_BYTE, 0x06, FLASH + 0x101) is StopKind.BREAKPOINT
    assert word(machine, FLASH + 0x100) == 0x1234_0678
    machine.reset()
    assert run(machine, STORE_WORD, 0, FLASH + 0x100) is StopKind.BUS_FAULT


def test_firmware_unlocks_and_erases(machine: Machine) -> None:
    set_word(machine, FLASH + 0x8000, 0)
    for register, value in (
        (FLASH_KEYR, 0x4567_0123), (FLASH_KEYR, 0xCDEF_89AB), (FLASH_CR, 1 << 16 | 1 << 3 | 1 << 1),
    ):  # fmt: skip
        assert run(machine, STORE_WORD, value, register) is StopKind.BREAKPOINT
    assert word(machine, FLASH + 0x8000) == 0xFFFF_FFFF
    assert word(machine, FLASH_SR) == 1
    set_word(machine, FLASH_SR, 1)
    assert word(machine, FLASH_SR) == 0


def test_an_erase_of_nothing_is_an_error(machine: Machine) -> None:
    unlock(machine)
    set_word(machine, FLASH_CR, 1 << 16)
    assert word(machine, FLASH_SR) == 1 << 7


def test_mass_erase_spares_nothing(machine: Machine) -> None:
    set_word(machine, FLASH + 0xF_FFFC, 0)
    unlock(machine)
    set_word(machine, FLASH_CR, 1 << 16 | 1 << 2)
    assert machine.read_memory(FLASH, 0x10_0000) == b"\xff" * 0x10_0000


def test_clocks_are_ready_when_they_are_on(machine: Machine) -> None:
    assert word(machine, RCC_CR) == 0x83
    set_word(machine, RCC_CR, 0x0101_0001)
    assert word(machine, RCC_CR) == 0x0303_0003
    set_word(machine, RCC_CFGR, 0x9402)
    assert word(machine, RCC_CFGR) == 0x940A, "the switch is done"
    assert run(machine, LOAD_WORD, 0, RCC_CFGR) is StopKind.BREAKPOINT
    assert machine.read_register("r0") == 0x940A


@pytest.mark.parametrize(("addr", "value"), [(0xE004_2000, 0x1001_6449), (0x1FF0_F440, 1024 << 16)])
def test_identity_is_the_same_for_firmware_and_debugger(machine: Machine, addr: int, value: int) -> None:
    assert word(machine, addr) == value
    assert run(machine, LOAD_WORD, 0, addr) is StopKind.BREAKPOINT
    assert machine.read_register("r0") == value
    set_word(machine, addr, 0)
    assert word(machine, addr) == value


def test_halfwords_of_a_register(machine: Machine) -> None:
    assert machine.read_memory(0x1FF0_F442, 2) == (1024).to_bytes(2, "little")
    machine.write_memory(0xE004_2006, b"\x34\x12")
    assert word(machine, 0xE004_2004) == 0x1234_0000


def test_other_chips_have_no_such_registers() -> None:
    machine = Machine(load_board("nucleo-l4r5zi"))
    machine.attach()
    assert run(machine, LOAD_WORD, 0, FLASH_CR) is StopKind.BUS_FAULT
