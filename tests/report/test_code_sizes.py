"""Code is counted once, and what lies between functions belongs to the one before."""

from __future__ import annotations

from pathlib import Path

from utvm.report.code_sizes import function_sizes
from utvm.toolchain import Elf, Symbol
from utvm.toolchain.elf import Section

ELF = Elf(
    Path("image.elf"),
    0x100,
    (),
    {
        "first": Symbol("first", 0x100, 10),
        "label_in_first": Symbol("label_in_first", 0x104, 0),
        "second": Symbol("second", 0x110, 20),
        "last": Symbol("last", 0x128, 5),
        "variable": Symbol("variable", 0x2000_0000, 4),
    },
    {".text": Section(".text", 0x100, 0x30, True)},
)


def test_padding_counts_to_the_function_before_it() -> None:
    assert function_sizes(["first", "second", "last", "not there"], ELF) == {"first": 16, "second": 24, "last": 8}


def test_all_functions_are_the_section() -> None:
    assert sum(function_sizes(["first", "second", "last"], ELF).values()) == ELF.section(".text").size_bytes
