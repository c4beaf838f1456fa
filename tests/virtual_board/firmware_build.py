"""Build small C firmware for a board with the compiler that pip installs, and run it in this process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from utvm.boards import Board
from utvm.toolchain.elf import Elf, read_elf
from utvm.virtual_board.firmware import FirmwareEnd, load_firmware, run_firmware
from utvm.virtual_board.machine import Machine

HEADER = """
#include <stdint.h>
#define REGISTER(addr) (*(volatile uint32_t *)(addr))
static inline int host(int operation, const void *argument) {
    register int r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}
void Exit(int status);
"""
START = """
extern uint32_t stack_top[];
int main(void);
void Exit(int status) {
    uint32_t block[2] = {0x20026, (uint32_t)status};
    for (;;) host(0x20, block);
}
void Reset(void) { Exit(main()); }
void Handler(void) { Exit(99); }
#define WEAK(name) __attribute__((weak, alias("Handler"))) void name(void)
WEAK(HardFault); WEAK(SVCall); WEAK(PendSV); WEAK(SysTick); WEAK(Interrupt3); WEAK(Interrupt5);
__attribute__((section(".vectors"), used)) void *const vectors[16 + 32] = {
    stack_top, Reset, Handler, HardFault, HardFault, HardFault, HardFault, 0, 0, 0, 0, SVCall, 0, 0, PendSV, SysTick,
    [16 + 3] = Interrupt3, [16 + 5] = Interrupt5};
"""


@dataclass(frozen=True)
class Ran:
    """How a firmware ended and what it printed."""

    end: FirmwareEnd
    output: bytes


def build_firmware(board: Board, source: str, folder: Path) -> Elf:
    """Compile and link C for a board's flash and data memory; handlers it does not define end it with status 99."""
    (folder / "start.c").write_text(HEADER + START, encoding="utf-8")
    (folder / "firmware.c").write_text(HEADER + source, encoding="utf-8")
    code, data = board.region(board.placement.code), board.region(board.placement.data)
    script = (
        f"SECTIONS {{ .text {code.base_addr:#x} : {{ KEEP(*(.vectors)) *(.text*) *(.rodata*) }} "
        f".bss {data.base_addr:#x} (NOLOAD) : {{ *(.bss*) *(.data*) }} stack_top = {data.base_addr + 0x2000:#x}; "
        "/DISCARD/ : { *(.ARM*) } }"
    )
    (folder / "link.ld").write_text(script, encoding="ascii")
    output = folder / "firmware.elf"
    tools = board.toolchain
    command = [sys.executable, "-m", "ziglang", "cc", "-target", tools.zig_target, f"-mcpu={tools.zig_cpu}", "-mthumb"]
    options = ["-O1", "-ffreestanding", "-fno-sanitize=all", "-nostdlib", "-Wl,-T,link.ld", "-Wl,-e,Reset"]
    built = subprocess.run(
        [*command, *options, "start.c", "firmware.c", "-o", str(output)],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return read_elf(output)


def run_on(machine: Machine, image: Elf, timeout_s: float = 10.0) -> Ran:
    """Load and run an image on a machine."""
    printed: list[bytes] = []
    load_firmware(machine, image)
    with machine.console.redirected(printed.append):
        end = run_firmware(machine, image, timeout_s)
    return Ran(end, b"".join(printed))
