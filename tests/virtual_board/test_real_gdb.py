"""Real gdb-multiarch on a virtual board, in batch mode."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.virtual_board.firmware_build import build_firmware
from utvm.boards import load_board
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


PRINTS = """
int main(void) {
    static volatile int count;
    for (int i = 0; i < 3; i++) {
        host(0x04, i == 0 ? "one\\n" : i == 1 ? "two\\n" : "three\\n");
        count += 5;
    }
    return count;
}
"""


def test_semihosting_shows_in_gdb_and_can_be_stepped_over(process: VirtualBoardProcess, tmp_path: Path) -> None:
    image = build_firmware(load_board("stm32f746-disco"), PRINTS, tmp_path)
    output = gdb(
        process, image.path, "load", "monitor reset halt", "maint flush register-cache",
        "break *(main + 0)", "continue", "delete",
        # Up to the first `bkpt 0xab`, over it, and one instruction on.
        "python\nwhile gdb.selected_frame().architecture().disassemble(gdb.selected_frame().pc())[0]['asm'][:4]"
        " != 'bkpt': gdb.execute('stepi', to_string=True)",
        "x/i $pc", "set $at = $pc", "stepi", "p $pc - $at", "p $r0",
        "continue", "info registers r0 pc", "x/i $pc", "continue", "monitor cycles", "kill",
    )  # fmt: skip
    assert "bkpt\t0x00ab" in output, output
    assert "$1 = 2" in output, output
    assert "$2 = 0" in output, output
    assert output.index("one\n") < output.index("two\n") < output.index("three\n"), output
    assert output.count("exited: the firmware ended with status 15") == 2, output
    assert "Error" not in output, output
    assert "instructions " in output


def test_access_watchpoints_hardware_breakpoints_and_conditions(process: VirtualBoardProcess, elf: Path) -> None:
    output = gdb(
        process, elf, "load", "monitor reset halt", "maint flush register-cache",
        "hbreak loop if $r4 == 7", "continue", "p $r4", "delete",
        "rwatch *(int*)0x20000200", "awatch *(int*)0x20000100", "continue", "info registers pc", "delete",
        "monitor profile start", "tbreak loop", "continue", "tbreak loop", "continue", "monitor profile stop",
        "monitor profile dump", "monitor timing", "monitor reset", "maint flush register-cache", "p/x $pc",
        "x/wx 0x40023800", "set var *(int*)0x20000100 = 77", "x/dw 0x20000100", "p $r4 = 5",
        "info registers r4", "kill",
    )  # fmt: skip
    assert "$1 = 7" in output, output
    assert "Hardware access (read/write) watchpoint" in output
    assert "addr size runs instructions cycles lost-dependency" in output
    assert "modelled: cortex-m7, zero-wait memory" in output
    assert "0x40023800:\t0x00000083" in output, output
    assert "0x20000100:\t77" in output
    assert "r4             0x5" in output
