"""Chips outside their cores: start-up code passes, UARTs print, GPIO reads back, everything else faults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.virtual_board.firmware_build import build_firmware, run_on
from utvm.boards import board_names, load_board
from utvm.virtual_board.machine import Machine
from utvm.virtual_board.peripherals import describe
from utvm.virtual_board.peripherals.description import ChipDescription, describe_all
from utvm.virtual_board.peripherals.gpio import BRR, BSRR, IDR, MODER, ODR, PUPDR, Gpio
from utvm.virtual_board.peripherals.uart import CR1, ISR, TDR, Uart


@dataclass(frozen=True)
class StartUp:
    """What the usual start-up code of a board does: set bits and wait for others, in order.

    A step is (address, bits cleared, bits set, (address, mask, value) to wait for or None).
    """

    steps: tuple[tuple[int, int, int, tuple[int, int, int] | None], ...]
    uart_addr: int


RCC7, PWR7, FLASH7 = 0x4002_3800, 0x4000_7000, 0x4002_3C00
RCCH, PWRH, FLASHH = 0x5802_4400, 0x5802_4800, 0x5200_2000
RCCL, PWRL, FLASHL = 0x4002_1000, 0x4000_7000, 0x4002_2000
RCCU, PWRU = 0x4602_0C00, 0x4602_0800
START_UPS = {
    "stm32f746-disco": StartUp(
        (
            (RCC7 + 0x40, 0, 1 << 28, None),  # PWREN
            (PWR7, 3 << 14, 3 << 14, (PWR7 + 4, 1 << 14, 1 << 14)),  # scale 1
            (RCC7, 0, 1 << 16, (RCC7, 1 << 17, 1 << 17)),  # HSE
            (RCC7, 1 << 24, 0, (RCC7, 1 << 25, 0)),  # PLL off
            (RCC7 + 4, 0xFFFF_FFFF, 25 | 432 << 6 | 1 << 22 | 9 << 24, None),
            (RCC7, 0, 1 << 24, (RCC7, 1 << 25, 1 << 25)),
            (PWR7, 0, 1 << 16, (PWR7 + 4, 1 << 16, 1 << 16)),  # over-drive
            (PWR7, 0, 1 << 17, (PWR7 + 4, 1 << 17, 1 << 17)),
            (FLASH7, 0xF, 7, (FLASH7, 0xF, 7)),
            (RCC7 + 8, 3, 2, (RCC7 + 8, 3 << 2, 2 << 2)),  # SYSCLK from PLL
        ),
        0x4001_1000,
    ),
    "nucleo-h7a3zi-q": StartUp(
        (
            (PWRH + 0xC, 7, 4, (PWRH + 4, 1 << 13, 1 << 13)),  # supply by the SMPS
            (PWRH + 0x18, 3 << 14, 3 << 14, (PWRH + 0x18, 1 << 13, 1 << 13)),  # scale 0
            (PWRH + 0x18, 0, 0, (PWRH + 4, 3 << 14, 3 << 14)),
            (RCCH, 0, 1 << 16, (RCCH, 1 << 17, 1 << 17)),
            (RCCH, 1 << 24, 0, (RCCH, 1 << 25, 0)),
            (RCCH, 0, 1 << 24, (RCCH, 1 << 25, 1 << 25)),
            (FLASHH, 0xF, 6, (FLASHH, 0xF, 6)),
            (RCCH + 0x10, 7, 3, (RCCH + 0x10, 7 << 3, 3 << 3)),
        ),
        0x4000_4800,
    ),
    "nucleo-l4r5zi": StartUp(
        (
            (RCCL + 0x58, 0, 1 << 28, None),
            (PWRL, 3 << 9, 1 << 9, (PWRL + 0x14, 1 << 10, 0)),  # range 1
            (PWRL + 0x80, 1 << 8, 0, None),  # boost
            (RCCL, 0, 1, (RCCL, 2, 2)),  # MSI
            (RCCL + 0x90, 0, 1, (RCCL + 0x90, 2, 2)),  # LSE
            (RCCL, 1 << 24, 0, (RCCL, 1 << 25, 0)),
            (RCCL, 0, 1 << 24, (RCCL, 1 << 25, 1 << 25)),
            (FLASHL, 0xF, 5, (FLASHL, 0xF, 5)),
            (RCCL + 8, 3, 3, (RCCL + 8, 3 << 2, 3 << 2)),
        ),
        0x4000_8000,
    ),
    "nucleo-u575zi-q": StartUp(
        (
            (RCCU + 0x94, 0, 1 << 2, None),
            (PWRU + 8, 0, 1 << 1, (PWRU + 0x3C, 1 << 1, 1 << 1)),  # supply by the SMPS
            (PWRU + 0xC, 3 << 16, 3 << 16, (PWRU + 0xC, 1 << 15, 1 << 15)),  # range 1
            (PWRU + 0xC, 0, 1 << 18, (PWRU + 0xC, 1 << 14, 1 << 14)),  # booster
            (RCCU, 0, 1, (RCCU, 1 << 2, 1 << 2)),  # MSIS
            (RCCU, 0, 1 << 24, (RCCU, 1 << 25, 1 << 25)),
            (0x4002_2000, 0xF, 4, (0x4002_2000, 0xF, 4)),
            (RCCU + 0x1C, 3, 3, (RCCU + 0x1C, 3 << 2, 3 << 2)),
            (0x4003_0400, 0, 1 << 1, (0x4003_0404, 3, 2)),  # invalidate the instruction cache
            (0x4003_0400, 0, 1, (0x4003_0400, 1, 1)),
        ),
        0x4001_3800,
    ),
    "nucleo-g0b1re": StartUp(
        (
            (0x4002_103C, 0, 1 << 28, None),
            (0x4000_7000, 3 << 9, 1 << 9, (0x4000_7014, 1 << 10, 0)),
            (0x4002_1000, 0, 1 << 8, (0x4002_1000, 1 << 10, 1 << 10)),  # HSI
            (0x4002_1000, 0, 1 << 24, (0x4002_1000, 1 << 25, 1 << 25)),
            (0x4002_2000, 7, 2, (0x4002_2000, 7, 2)),
            (0x4002_1008, 7, 2, (0x4002_1008, 7 << 3, 2 << 3)),
        ),
        0x4000_4400,
    ),
}


def _source(start_up: StartUp) -> str:
    lines = ["int main(void) {"]
    for addr, clear, bits, wait in start_up.steps:
        lines.append(f"REGISTER({addr:#x}u) = (REGISTER({addr:#x}u) & ~{clear:#x}u) | {bits:#x}u;")
        if wait is not None:
            lines.append(f"while ((REGISTER({wait[0]:#x}u) & {wait[1]:#x}u) != {wait[2]:#x}u) {{}}")
    uart = f"{start_up.uart_addr:#x}u"
    lines += [
        f"REGISTER({uart} + 0x0c) = 1875; REGISTER({uart}) = 0xd;",  # BRR; UE, TE, RE
        f"while ((REGISTER({uart} + 0x1c) & (3u << 21)) != (3u << 21)) {{}}",
        f'for (const char *c = "up\\n"; *c; c++) {{ while (!(REGISTER({uart} + 0x1c) & 0x80u)) {{}} '
        f"REGISTER({uart} + 0x28) = (uint8_t)*c; }}",
        f"while (!(REGISTER({uart} + 0x1c) & 0x40u)) {{}}",
        "return 4; }",
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("name", START_UPS)
def test_start_up_code_passes_and_the_virtual_com_port_prints(name: str, tmp_path: Path) -> None:
    board = load_board(name)
    ran = run_on(Machine(board), build_firmware(board, _source(START_UPS[name]), tmp_path), timeout_s=5.0)
    assert (ran.end.status, ran.end.reason, ran.output) == (4, "", b"up\n")


def test_every_virtual_board_of_st_has_a_table() -> None:
    chips = [load_board(name).chip for name in board_names(comms="virtual")]
    assert [chip for chip in chips if chip.startswith("STM32") and describe(chip) is None] == []
    assert describe("STM32L010") is None


@pytest.mark.parametrize("described", describe_all(), ids=lambda described: described.chips[0])
def test_windows_do_not_overlap(described: ChipDescription) -> None:
    bases = [peripheral.base_addr for peripheral in described.peripherals]
    bases += [described.ports.base_addr + 0x400 * index for index in range(described.ports.count)]
    assert len(set(bases)) == len(bases)


def test_identity_is_constant_and_a_reset_restores_registers() -> None:
    machine = Machine(load_board("nucleo-l4r5zi"))
    machine.write_memory(0xE004_2000, bytes(4))
    assert machine.read_memory(0xE004_2000, 4) == (0x1000_0470).to_bytes(4, "little")
    assert machine.read_memory(0x1FFF_75E0, 2) == (2048).to_bytes(2, "little")
    machine.write_memory(RCCL + 0xC, b"\x12\x34")
    assert machine.read_memory(RCCL + 0xC, 4) == b"\x12\x34\0\0"
    machine.reset()
    assert machine.read_memory(RCCL + 0xC, 4) == (0x1000).to_bytes(4, "little")


def test_an_output_pin_reads_back_and_an_input_shows_its_pull() -> None:
    port = Gpio(modes=0xFFFF_FFFF)
    port.write(MODER, 0b01 << 2, 0b11 << 2)  # pin 1 is an output
    port.write(BSRR, 1 << 1 | 1 << 4)
    assert port.read(ODR) == 1 << 1 | 1 << 4
    assert port.read(IDR) == 1 << 1
    port.write(MODER, 0, 0b11 << 6)  # pin 3 is an input with a pull-up
    port.write(PUPDR, 0b01 << 6)
    assert port.read(IDR) == 1 << 1 | 1 << 3
    port.write(BSRR, 1 << (16 + 1))
    port.write(BRR, 1 << 4)
    assert port.read(ODR) == 0


def test_a_disabled_uart_sends_nothing() -> None:
    sent: list[bytes] = []
    uart = Uart(sent.append)
    uart.write(TDR, ord("x"))
    uart.write(CR1, 1 << 3)  # TE without UE
    uart.write(TDR, ord("y"))
    assert uart.read(ISR) & (1 << 21) == 0
    uart.write(CR1, 1 << 3 | 1)
    uart.write(TDR, 0x17A)
    assert sent == [b"z"]
