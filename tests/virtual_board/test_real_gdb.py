"""Real gdb-multiarch on a virtual board, in batch mode."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from utvm.transports import VirtualBoardProcess

pytestmark = [
    pytest.mark.gdb,
    pytest.mark.skipif(shutil.which("gdb-multiarch") is None, reason="gdb-multiarch is not installed"),
]
SOURCE = """
.syntax unified
.thumb
.global vectors, reset, loop, counter
.section .text
vectors:
    .word 0x20010000, reset
.type reset, %function
.thumb_func
reset:
    ldr r0, =0xE000ED88
    ldr r1, =0x00F00000
    str r1, [r0]
    dsb
    isb
    vmov.f32 s0, #2.0
    vadd.f32 s1, s0, s0
    movs r4, #0
    ldr r2, =0x20000100
.type loop, %function
.thumb_func
loop:
    adds r4, #1
    str r4, [r2]
    b loop
.ltorg
"""


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firmware, built by the ziglang wheel, which is always there."""
    folder = tmp_path_factory.mktemp("firmware")
    (folder / "firmware.s").write_text(SOURCE)
    (folder / "link.ld").write_text("SECTIONS { .text 0x08000000 : { *(.text) } }")
    output = folder / "firmware.elf"
    zig = [sys.executable, "-m", "ziglang", "cc", "-target", "thumb-freestanding-eabihf"]
    options = ["-mcpu=cortex_m7+fp_armv8d16sp", "-nostdlib", "-g", "-Wl,-T,link.ld", "-Wl,-e,reset"]
    subprocess.run([*zig, *options, "firmware.s", "-o", str(output)], cwd=folder, check=True, capture_output=True)
    return output


def gdb(process: VirtualBoardProcess, elf: Path, *commands: str) -> str:
    script = ["set pagination off", "set confirm off", f"target remote {process.host}:{process.gdb_port}", *commands]
    arguments = [item for command in script for item in ("-ex", command)]
    done = subprocess.run(
        ["gdb-multiarch", "-nx", "-batch", *arguments, str(elf)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


def test_load_break_inspect_step_and_detach(process: VirtualBoardProcess, elf: Path) -> None:
    output = gdb(
        process, elf, "load", "monitor reset halt", "maint flush register-cache", "info registers pc sp",
        "break loop", "continue", "p $s1", "p/x $xpsr", "info registers msp control", "stepi", "stepi",
        "x/wx 0x20000100", "p $r4", "delete", "watch *(int*)0x20000100", "continue", "info registers r4",
        "monitor cycles", "monitor faults", "x/wx 0x60000000", "detach",
    )  # fmt: skip
    for expected in (
        "Loading section .text",
        "0x8000008",  # the reset vector
        "Breakpoint 1, ",
        "$1 = 4",
        "msp            0x20010000",
        "0x20000100:\t0x00000001",
        "$3 = 1",
        "Old value = 1",
        "New value = 2",
        "instructions ",
        "cfsr 0x00000000",
        "Cannot access memory at address 0x60000000",
        "detached",
    ):
        assert expected in output, output
    assert process.is_running


def test_a_fault_stops_gdb_with_its_signal(process: VirtualBoardProcess, elf: Path) -> None:
    output = gdb(
        process, elf, "load", "monitor reset halt", "maint flush register-cache", "break loop", "continue", "delete",
        "set $r2 = 0x60000000", "continue", "x/i $pc", "kill",
    )  # fmt: skip
    assert "bus fault: write to 0x60000000 (4 bytes)" in output, output
    assert "SIGSEGV" in output
    assert "str\tr4, [r2, #0]" in output
