"""The linker script: made from the board file, the same for both linkers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.toolchain.images import TINY_MODEL, Kind
from utvm.boards import Board, board_names, load_board
from utvm.boards.loader import parse_board
from utvm.toolchain import build_image, find_compiler
from utvm.toolchain.linker_script import boot_region, linker_script

RAM_ONLY = """
name = "ram-only"
title = "A core with nothing but RAM, loaded by a debugger"
chip = "none"
vendor_url = "https://example.org"
clock_hz = 25_000_000
[core]
name = "cortex-m7"
fpu = "fpv5-sp-d16"
dsp = true
cycle_counter = "dwt"
[[regions]]
name = "ram"
base_addr = 0x2000_0000
size_bytes = 0x40_0000
kind = "ram"
[placement]
code = "ram"
constants = "ram"
data = "ram"
stack = "ram"
arena = ["ram"]
stack_bytes = 4096
[toolchain]
gcc_prefix = "arm-none-eabi-"
gcc_flags = ["-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"]
zig_target = "thumb-freestanding-eabihf"
zig_cpu = "cortex_m7+fp_armv8d16sp"
"""


def lines_with(board: Board, word: str) -> list[str]:
    return [" ".join(line.split()) for line in linker_script(board).splitlines() if word in line]


@pytest.mark.parametrize("name", board_names("virtual"))
def test_every_region_has_its_true_place(name: str) -> None:
    board = load_board(name)
    for region in board.regions:
        attributes = "rx" if region.kind == "flash" else "rwx"
        expected = f"{region.name} ({attributes}) : ORIGIN = {region.base_addr:#010x}, LENGTH = {region.size_bytes:#x}"
        assert lines_with(board, "ORIGIN = 0x").count(expected) == 1
        arena = f".utvm_arena.{region.name} (NOLOAD)"
        assert len(lines_with(board, arena)) == (1 if region.kind == "ram" else 0)


def test_the_stack_has_the_size_of_the_board_file() -> None:
    board = load_board("stm32f746-disco")
    assert ". += 0x800;" in lines_with(board, ". +=")
    assert boot_region(board).name == "flash"


@pytest.mark.parametrize("kind", [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"])
def test_a_board_without_flash(kind: Kind, tmp_path: Path) -> None:
    board = parse_board(RAM_ONLY, "ram-only.toml")
    assert boot_region(board).name == "ram"
    define = 'ARENA_SECTION=".utvm_arena.ram"'
    image = build_image(board, find_compiler(board, kind), [TINY_MODEL], [], tmp_path, [define])
    elf = image.elf
    assert all(board.region("ram").contains(segment.addr, len(segment.data)) for segment in elf.segments)
    reset = elf.symbol("Reset").addr
    assert any(segment.addr <= reset < segment.addr + len(segment.data) for segment in elf.segments)
    assert elf.symbol("utvm_vectors").addr % 128 == 0
