"""Thumb code as text, and what kinds of instructions it has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Any

KINDS = ("load", "store", "multiply", "arithmetic", "branch", "floating point", "other")

_STORES = ("str", "stm", "push", "vstr", "vstm", "vpush", "stl")
_LOADS = ("ldr", "ldm", "pop", "vldr", "vldm", "vpop", "lda", "pld")
_MULTIPLIES = (
    "mul",
    "mla",
    "mls",
    "smul",
    "smla",
    "smml",
    "smmu",
    "smu",
    "sml",
    "umul",
    "umla",
    "umaa",
    "sdiv",
    "udiv",
)
_BRANCHES = ("b", "bl", "bx", "blx", "cbz", "cbnz", "tbb", "tbh")
_OTHERS = (
    "nop",
    "it",
    "itt",
    "ite",
    "svc",
    "bkpt",
    "udf",
    "msr",
    "mrs",
    "cps",
    "dsb",
    "dmb",
    "isb",
    "wfi",
    "wfe",
    "sev",
)
_CONDITIONS = ("eq", "ne", "hs", "lo", "cs", "cc", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le")


@dataclass(frozen=True)
class Instruction:
    """One instruction at its address; `text` is its mnemonic and operands."""

    addr: int
    size_bytes: int
    text: str
    kind: str


def disassemble(code: bytes, addr: int) -> tuple[Instruction, ...]:
    """Thumb code at an address; what is none appears as a `.short` or `.word`."""
    found: list[Instruction] = []
    offset = 0
    while offset + 2 <= len(code):
        size, text = _decode(code[offset : offset + 4], addr + offset)
        found.append(Instruction(addr + offset, size, text, _kind(text.split()[0])))
        offset += size
    return tuple(found)


def instruction_mix(instructions: tuple[Instruction, ...]) -> dict[str, int]:
    """How many instructions there are of each of KINDS."""
    counted = Counter(instruction.kind for instruction in instructions)
    return {kind: counted[kind] for kind in KINDS}


def _decode(code: bytes, addr: int) -> tuple[int, str]:
    for _, size, mnemonic, operands in _decoder().disasm_lite(code, addr, 1):
        return size, f"{mnemonic} {operands}".strip()
    if code[1] >> 3 >= 0x1D and len(code) == 4:  # a 32-bit encoding
        return 4, f".word {int.from_bytes(code, 'little'):#010x}"
    return 2, f".short {int.from_bytes(code[:2], 'little'):#06x}"


@cache
def _decoder() -> Any:
    import capstone

    return capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS | capstone.CS_MODE_V8)


def _kind(mnemonic: str) -> str:
    name = mnemonic.partition(".")[0]
    if not name or name.startswith(_OTHERS):
        return "other"
    if name.startswith(_STORES):
        return "store"
    if name.startswith(_LOADS):
        return "load"
    if name.startswith("v"):
        return "floating point"
    if name.startswith(_MULTIPLIES):
        return "multiply"
    if name in _BRANCHES or (name[0] == "b" and name[1:] in _CONDITIONS) or name[:2] in ("bl", "bx"):
        return "branch"
    return "arithmetic"
