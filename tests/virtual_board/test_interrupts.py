"""The NVIC and the core's own exceptions: enabling, pending, priorities and groups, by firmware in C."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.virtual_board.firmware_build import Ran, build_firmware, run_on
from utvm.boards import load_board
from utvm.virtual_board.machine import Machine

BOARDS = ["stm32f746-disco", "nucleo-g0b1re", "nucleo-u575zi-q"]
HELPERS = """
#define ISER REGISTER(0xE000E100)
#define ICER REGISTER(0xE000E180)
#define ISPR REGISTER(0xE000E200)
#define ICPR REGISTER(0xE000E280)
#define IABR REGISTER(0xE000E300)
#define IPR(n) REGISTER(0xE000E400 + 4 * (n))
#define ICSR REGISTER(0xE000ED04)
#define AIRCR REGISTER(0xE000ED0C)
#define SHPR2 REGISTER(0xE000ED1C)
#define SHPR3 REGISTER(0xE000ED20)
#define BARRIER() __asm__ volatile("dsb\\n isb" ::: "memory")
static void put(char letter) { host(0x03, &letter); }
"""
TWO = """
void Interrupt3(void) { put('3'); AFTER3 put('!'); }
void Interrupt5(void) { put('5'); }
"""
Run = Callable[[str], Ran]


def two(after3: str = "") -> str:
    return TWO.replace("AFTER3", after3)


@pytest.fixture(params=BOARDS)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    board = load_board(request.param)
    return lambda source: run_on(Machine(board), build_firmware(board, HELPERS + source, tmp_path))


def test_an_interrupt_waits_until_it_is_enabled_and_not_masked(run: Run) -> None:
    ran = run(
        two()
        + """
        int main(void) {
            ISPR = 1u << 3; BARRIER(); put('a');
            __asm__ volatile("cpsid i"); ISER = 1u << 3; BARRIER(); put('b');
            if (!(ICSR & 1u << 22) || (ICSR >> 12 & 0x1ff) != 19) return 1;
            __asm__ volatile("cpsie i"); BARRIER(); put('c');
            if (ISPR || ISER != 1u << 3) return 2;
            ISPR = 1u << 5; ICPR = 1u << 5; ISER = 1u << 5; BARRIER(); put('d');
            ICER = 1u << 3; ISPR = 1u << 3; BARRIER(); put('e');
            return ISPR == 1u << 3 ? 0 : 3;
        }
        """
    )
    assert (ran.output, ran.end.status) == (b"ab3!cde", 0)


def test_the_more_urgent_comes_first_and_interrupts(run: Run) -> None:
    ran = run(
        two("ISPR = 1u << 5; BARRIER(); if (IABR != 1u << 3) put('?');")
        + """
        int main(void) {
            IPR(0) = 0x80u << 24; IPR(1) = 0x40u << 8;  /* interrupt 5 is the more urgent */
            ISER = 1u << 3 | 1u << 5;
            __asm__ volatile("cpsid i"); ISPR = 1u << 3 | 1u << 5; __asm__ volatile("cpsie i"); BARRIER();
            return 0;
        }
        """
    )
    assert ran.output == b"535!"


def test_equal_priority_does_not_interrupt_and_the_lower_number_is_first(run: Run) -> None:
    ran = run(
        two("ISPR = 1u << 5; BARRIER();")
        + "int main(void) { ISER = 1u << 3 | 1u << 5; ISPR = 1u << 3; BARRIER(); return 0; }"
    )
    assert ran.output == b"3!5"


def test_pendsv_waits_for_the_interrupt_that_asks_for_it(run: Run) -> None:
    ran = run(
        """
        void PendSV(void) { put('p'); }
        void SVCall(void) { put('s'); ICSR = 1u << 28; BARRIER(); put('t'); }
        int main(void) {
            SHPR3 = 0xC0u << 16; SHPR2 = 0x40u << 24;
            __asm__ volatile("svc 0"); put('m');
            return 0;
        }
        """
    )
    assert ran.output == b"stpm"


def test_priorities_keep_only_the_bits_there_are() -> None:
    for name, mask in (("stm32f746-disco", 0xF0), ("nucleo-g0b1re", 0xC0)):
        machine = Machine(load_board(name))
        machine.write_memory(0xE000_E400, b"\xff\xff")
        assert machine.read_memory(0xE000_E400, 4) == bytes((mask, mask, 0, 0))
        machine.write_memory(0xE000_E100, b"\xff" * 64)
        words = memoryview(machine.read_memory(0xE000_E100, 64)).cast("I")
        assert sum(bin(word).count("1") for word in words) == machine.chip.interrupts
        assert machine.read_memory(0xE000_E004, 1)[0] == (machine.chip.interrupts - 1) // 32


def test_groups_decide_who_interrupts_and_sub_priorities_who_is_first(tmp_path: Path) -> None:
    board = load_board("stm32f746-disco")
    source = (
        HELPERS
        + two("ISPR = 1u << 5; BARRIER();")
        + """
        int main(void) {
            AIRCR = 0x05FA0000u | 6u << 8;  /* one bit of group priority */
            if ((AIRCR >> 8 & 7) != 6) return 1;
            IPR(0) = 0x70u << 24; IPR(1) = 0x10u << 8;
            ISER = 1u << 3 | 1u << 5; ISPR = 1u << 3; BARRIER(); put(' ');
            __asm__ volatile("cpsid i"); ISPR = 1u << 3 | 1u << 5; __asm__ volatile("cpsie i"); BARRIER();
            put(' '); REGISTER(0xE000EF00) = 5; BARRIER();  /* STIR */
            return 0;
        }
        """
    )
    ran = run_on(Machine(board), build_firmware(board, source, tmp_path))
    assert (ran.output, ran.end.status) == (b"3!5 53!5 5", 0)


def test_an_interrupt_wakes_a_sleeping_core(tmp_path: Path) -> None:
    board = load_board("nucleo-g0b1re")
    source = (
        HELPERS
        + """
        static volatile int ticks;
        void SysTick(void) { ticks++; }
        int main(void) {
            REGISTER(0xE000E014) = 9999; REGISTER(0xE000E018) = 0; REGISTER(0xE000E010) = 7;
            while (ticks < 3) __asm__ volatile("wfi");
            return 0;
        }
        """
    )
    end = run_on(Machine(board), build_firmware(board, source, tmp_path)).end
    assert end.status == 0
    assert 30_000 <= end.cycles < 31_000
    assert end.instructions < 500
