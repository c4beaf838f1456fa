"""Firmware from reset to its end: semihosting, the ends there are, and the program's command line."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.virtual_board.firmware_build import Ran, build_firmware, run_on
from utvm.boards import load_board
from utvm.errors import VirtualBoardError
from utvm.toolchain.elf import Elf, read_elf
from utvm.virtual_board.firmware import load_firmware
from utvm.virtual_board.machine import Machine

BOARD = load_board("stm32f746-disco")
Run = Callable[[str], Ran]


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine(BOARD)


@pytest.fixture
def run(machine: Machine, tmp_path: Path) -> Run:
    return lambda source: run_on(machine, build_firmware(BOARD, source, tmp_path), timeout_s=5.0)


def test_everything_that_prints(run: Run) -> None:
    ran = run(
        """
        int main(void) {
            char letter = 'a';
            host(0x03, &letter);
            host(0x04, "bc\\n");
            uint32_t open[3] = {(uint32_t)":tt", 4, 3};
            uint32_t write[3] = {(uint32_t)host(0x01, open), (uint32_t)"defg", 4};
            return host(0x05, write) + 7;
        }
        """
    )
    assert (ran.output, ran.end.status, ran.end.reason) == (b"abc\ndefg", 7, "")


def test_time_is_that_of_the_counter(run: Run) -> None:
    ran = run(
        """
        int main(void) {
            uint64_t before, after;
            host(0x30, &before);
            for (volatile int i = 0; i < 1000; i++) {}
            host(0x30, &after);
            if (host(0x31, 0) != 216000000) return 1;
            if (host(0x10, 0) != (int)((uint32_t)after / 2160000)) return 2;
            return after - before > 4000 && after - before < 20000 ? 0 : 3;
        }
        """
    )
    assert ran.end.status == 0


def test_c_libraries_find_the_extended_exit(run: Run) -> None:
    ran = run(
        """
        int main(void) {
            uint8_t bytes[8] = {0};
            uint32_t open[3] = {(uint32_t)":semihosting-features", 0, 21};
            uint32_t handle = (uint32_t)host(0x01, open), size = (uint32_t)host(0x0c, &handle);
            uint32_t magic[3] = {handle, (uint32_t)bytes, 4}, rest[3] = {handle, (uint32_t)(bytes + 4), 4};
            uint32_t back[2] = {handle, 0};
            if (size != 5 || host(0x09, &handle) != 0 || host(0x06, magic) != 0) return 1;
            if (bytes[0] != 'S' || bytes[1] != 'H' || bytes[2] != 'F' || bytes[3] != 'B') return 2;
            if (host(0x06, rest) != 3 || host(0x06, rest) != 4 || !(bytes[4] & 1)) return 3;
            if (host(0x0a, back) != 0 || host(0x06, rest) != 0) return 4;
            return bytes[4] == 'S' ? 0 : 5;
        }
        """
    )
    assert ran.end.status == 0


def test_what_the_host_does_not_give(run: Run) -> None:
    ran = run(
        """
        int main(void) {
            uint32_t open[3] = {(uint32_t)"/etc/passwd", 0, 11}, nowhere[3] = {(uint32_t)":tt", 4, 0x70000000};
            uint32_t to_line[2] = {0x08000000, 80};
            if (host(0x01, open) != -1) return 1;
            if (host(0x12, 0) != -1) return 2;     /* SYS_SYSTEM */
            if (host(0x04, (void *)0x70000000) != -1) return 3;
            if (host(0x30, (void *)0x08000000) != -1) return 4;
            if (host(0x01, nowhere) != -1) return 5;
            if (host(0x15, to_line) != -1) return 6;
            return 0;
        }
        """
    )
    assert (ran.end.status, ran.end.reason, ran.output) == (0, "", b"")


@pytest.mark.parametrize(
    ("source", "status", "reason"),
    [
        ("host(0x18, (void *)0x20026); return 9;", 0, ""),
        ("host(0x18, (void *)0x20023); return 9;", 1, ""),
        ('__asm__ volatile("bkpt 1"); return 9;', 0, "breakpoint instruction at 0x0800"),
        ("*(volatile int *)0x40009000 = 1; return 9;", 1, "no peripheral of the STM32F746NGH6 is modelled there, in "),
        ("*(volatile int *)0x70000000 = 1; return 9;", 1, "bus fault: write to 0x70000000 (4 bytes) at pc 0x0800"),
        ('__asm__ volatile("udf 1"); return 9;', 1, "undefined instruction: undefined instruction at pc"),
    ],
)
def test_ends(run: Run, source: str, status: int, reason: str) -> None:
    end = run(f"int main(void) {{ {source} }}").end
    assert end.status == status
    assert reason in end.reason
    assert ("Reset" in end.reason or "main" in end.reason) == bool(reason)
    assert end.instructions > 0


def test_an_endless_loop_and_an_endless_sleep_time_out(machine: Machine, tmp_path: Path) -> None:
    for body in ("for (;;) {}", 'for (;;) __asm__ volatile("wfi");'):
        image = build_firmware(BOARD, f"int main(void) {{ {body} }}", tmp_path)
        end = run_on(machine, image, timeout_s=0.3).end
        assert end.status == 1
        assert "still running after 0.3 s" in end.reason


def test_an_image_of_another_board_is_refused(machine: Machine, tmp_path: Path) -> None:
    other = load_board("nucleo-h7a3zi-q")
    in_ram = other.model_copy(update={"placement": other.placement.model_copy(update={"code": "axi_sram"})})
    with pytest.raises(VirtualBoardError, match="no memory at 0x24000000"):
        load_firmware(machine, build_firmware(in_ram, "int main(void) { return 0; }", tmp_path))


def test_an_image_without_vectors_is_refused(machine: Machine, tmp_path: Path) -> None:
    image = build_firmware(BOARD, "int main(void) { return 0; }", tmp_path)
    (segment,) = image.segments
    empty = dataclasses.replace(image, segments=(dataclasses.replace(segment, data=bytes(len(segment.data))),))
    with pytest.raises(VirtualBoardError, match="no vector table at 0x08000000"):
        load_firmware(machine, empty)


def test_an_image_in_ram_brings_its_vector_table(tmp_path: Path) -> None:
    placement = BOARD.placement.model_copy(update={"code": "itcm"})
    image = build_firmware(BOARD.model_copy(update={"placement": placement}), "int main(void) { return 5; }", tmp_path)
    assert image.segments[0].addr == 0
    assert run_on(Machine(BOARD), image).end.status == 5


def _command(image: Elf, *options: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "utvm.virtual_board", BOARD.name, "--run", str(image.path), *options]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


def test_the_program_gives_output_status_and_counts(tmp_path: Path) -> None:
    image = build_firmware(BOARD, 'int main(void) { host(0x04, "hello\\n"); return 3; }', tmp_path)
    done = _command(image, "--timing", "one-cycle")
    assert (done.stdout, done.returncode) == (b"hello\n", 3)
    assert done.stderr.count(b"\n") == 1
    words = done.stderr.split()
    assert words[0] == words[2]
    assert done.stderr.endswith(b"(modelled: one per instruction, zero-wait memory)\n")


def test_the_program_refuses_what_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "text.elf"
    path.write_text("no ELF")
    command = [sys.executable, "-m", "utvm", "virtual-board", BOARD.name, "--run", str(path)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"not an ELF file" in done.stderr


NEWLIB = """
#include <stdio.h>
#include <stdlib.h>
int main(void) {
    printf("%d.%02d\\n", 3, 14);
    fputs("complaint\\n", stderr);
    return 5;
}
"""
NEWLIB_VECTORS = '__asm__(".section .vectors, \\"a\\"\\n .word __stack_top, _start\\n .text");'
NEWLIB_SCRIPT = """
ENTRY(_start)
SECTIONS {
    .text 0x08000000 : { KEEP(*(.vectors)) *(.text*) *(.rodata*) KEEP(*(.init)) KEEP(*(.fini)) *(.eh_frame*) }
    .ARM.exidx : { *(.ARM.exidx*) *(.ARM.extab*) . = ALIGN(8); }
    .init_array : { PROVIDE_HIDDEN(__preinit_array_start = .); PROVIDE_HIDDEN(__preinit_array_end = .);
        __init_array_start = .; KEEP(*(.init_array*)) __init_array_end = .;
        __fini_array_start = .; KEEP(*(.fini_array*)) __fini_array_end = .; }
    .data 0x20000000 : { *(.data*) . = ALIGN(8); }
    .bss : { __bss_start__ = .; *(.bss*) *(COMMON) . = ALIGN(8); __bss_end__ = .; end = .; __end__ = .; }
    __stack = 0x2000F000;
    __stack_top = 0x2000F000;
}
"""


@pytest.mark.arm_gcc
def test_a_program_with_a_real_c_library(machine: Machine, tmp_path: Path) -> None:
    specs = subprocess.run(
        ["arm-none-eabi-gcc", "-print-file-name=rdimon.specs"], check=True, capture_output=True, text=True
    )
    if not Path(specs.stdout.strip()).is_absolute():
        pytest.skip("arm-none-eabi-gcc has no newlib; install libnewlib-arm-none-eabi")
    (tmp_path / "main.c").write_text(NEWLIB + NEWLIB_VECTORS)
    (tmp_path / "link.ld").write_text(NEWLIB_SCRIPT)
    command = ["arm-none-eabi-gcc", "--specs=rdimon.specs", "-mcpu=cortex-m7", "-mthumb", "main.c", "-T", "link.ld"]
    subprocess.run([*command, "-o", "main.elf"], cwd=tmp_path, check=True, capture_output=True)
    ran = run_on(machine, read_elf(tmp_path / "main.elf"))
    assert (ran.output, ran.end.status) == (b"3.14\ncomplaint\n", 5)
