"""What the host makes of the painted stack and of the fault record."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from utvm.runtime import FAULT_RECORD_BYTES, decode_fault, stack_used_bytes
from utvm.runtime.fault_record import _FIELDS
from utvm.runtime.stack_mark import STACK_PAINT_BYTE

INCLUDE = Path(__file__).parents[2] / "src" / "utvm" / "runtime" / "include"


def record(**registers: int) -> bytes:
    return struct.pack(f"<{len(_FIELDS)}I", *(registers.get(name, 0) for name in _FIELDS))


def test_the_host_knows_the_header_files() -> None:
    structure = (INCLUDE / "utvm_fault.h").read_text(encoding="utf-8")
    assert tuple(re.findall(r"uint32_t (\w+);", structure)) == _FIELDS
    assert 4 * len(_FIELDS) == FAULT_RECORD_BYTES
    paint = re.search(r"UTVM_STACK_PAINT 0x(\w+)", (INCLUDE / "utvm_stack.h").read_text(encoding="utf-8"))
    assert paint is not None
    assert bytes.fromhex(paint[1]) == bytes([STACK_PAINT_BYTE]) * 4


@pytest.mark.parametrize(
    ("contents", "used_bytes"),
    [(b"\xc5" * 64, 0), (b"\xc5" * 60 + b"\0\0\0\0", 4), (b"\xc5" * 32 + b"\1" + b"\xc5" * 31, 32), (b"\0" * 64, 64)],
)
def test_stack_used(contents: bytes, used_bytes: int) -> None:
    assert stack_used_bytes(contents) == used_bytes


def test_no_fault() -> None:
    assert decode_fault(bytes(FAULT_RECORD_BYTES)) is None


@pytest.mark.parametrize(
    ("registers", "text"),
    [
        (
            {"exception": 5, "pc": 0x08000400, "cfsr": 0x8200, "bfar": 0x60000000},
            "BusFault at pc 0x08000400: access to an address without memory at address 0x60000000",
        ),
        (
            {"exception": 6, "pc": 0x08000400, "cfsr": 1 << 25, "bfar": 0x60000000},
            "UsageFault at pc 0x08000400: division by zero",
        ),
        (
            {"exception": 4, "pc": 0x10, "cfsr": 0x82, "mmfar": 0x20},
            "MemManage fault at pc 0x00000010: access to a protected address at address 0x00000020",
        ),
        ({"exception": 3, "pc": 0x08000400}, "HardFault at pc 0x08000400: the core does not say why"),
        ({"exception": 21}, "interrupt 5 at pc 0x00000000: the core does not say why"),
    ],
)
def test_a_fault_in_words(registers: dict[str, int], text: str) -> None:
    fault = decode_fault(record(**registers))
    assert fault is not None
    assert str(fault) == text
    assert fault.registers["pc"] == registers.get("pc", 0)
