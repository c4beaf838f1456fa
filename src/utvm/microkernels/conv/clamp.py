"""Limiting int8 outputs to a range narrower than int8, after tiles have saturated them."""

from __future__ import annotations

from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import (
    advance,
    alu,
    branch,
    compare_bytes,
    ldr,
    load_subword,
    select_bytes,
    store,
)
from utvm.operators.kernel import CodeUnit


@lru_cache(maxsize=8)
def clamp_bytes(core: Core) -> CodeUnit:
    """`void f(int8_t *bytes, int32_t count, uint32_t greatest, uint32_t least)`, four at a time, aligned to words.

    `greatest` and `least` hold their value in each of their bytes.
    """
    name = f"utvm_clamp_s8_{TUNINGS[core.name]}"
    prototype = f"void {name}(int8_t *bytes, int32_t count, uint32_t greatest, uint32_t least)"
    function = AssemblyFunction(name, prototype, core)

    def limited(value: str, scratch: str) -> list[Instruction]:
        return [
            compare_bytes(scratch, "r2", value),
            select_bytes(value, value, "r2"),
            compare_bytes(scratch, value, "r3"),
            select_bytes(value, value, "r3"),
        ]

    words = [
        instruction
        for index, (value, scratch) in enumerate((("r4", "r6"), ("r5", "r7")))
        for instruction in (
            ldr(value, "r0", 4 * index, "bytes"),
            *limited(value, scratch),
            store("str", value, "r0", 4 * index, "bytes"),
        )
    ]
    byte = [load_subword("ldrsb", "r4", "r0", 0, "bytes"), *limited("r4", "r6"), store("strb", "r4", "r0", 0, "bytes")]
    function.block([alu("subs", "r1", "r1", 8), branch("lt", "2f")])
    function.label(1)
    function.block([*words, *advance("r0", 8), alu("subs", "r1", "r1", 8), branch("ge", "1b")], loop=True)
    function.label(2, align_bytes=1)
    function.block([alu("adds", "r1", "r1", 8), branch("eq", "4f")])
    function.label(3, align_bytes=1)
    function.block([*byte, *advance("r0", 1), alu("subs", "r1", "r1", 1), branch("ne", "3b")], loop=True)
    function.label(4, align_bytes=1)
    return function.unit()


def clamp_operands(clamp: tuple[int, int]) -> tuple[int, int]:
    """(greatest, least) of `clamp_bytes` for a range [least, greatest]."""
    least, greatest = clamp
    return (greatest & 0xFF) * 0x01010101, (least & 0xFF) * 0x01010101
