"""Limiting int8 outputs to a range narrower than int8, after tiles have saturated them."""

from __future__ import annotations

from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch, ldr, load_subword, parallel, store
from utvm.operators.kernel import CodeUnit


@lru_cache(maxsize=8)
def clamp_bytes(core: Core) -> CodeUnit:
    """`void f(int8_t *bytes, int32_t count, uint32_t above, uint32_t below)`, four at a time, bytes aligned to words.

    `above` holds 127 - greatest in each of its bytes, `below` 128 + least: adding and subtracting them with saturation
    limits from above and from below.
    """
    name = f"utvm_clamp_s8_{TUNINGS[core.name]}"
    prototype = f"void {name}(int8_t *bytes, int32_t count, uint32_t above, uint32_t below)"
    function = AssemblyFunction(name, prototype, core)

    def limited(register: str) -> list[Instruction]:
        steps = [("qadd8", "r2"), ("qsub8", "r2"), ("qsub8", "r3"), ("qadd8", "r3")]
        return [parallel(mnemonic, register, register, operand) for mnemonic, operand in steps]

    words = [
        instruction
        for index, register in enumerate(("r4", "r5"))
        for instruction in (
            ldr(register, "r0", 4 * index, "bytes"),
            *limited(register),
            store("str", register, "r0", 4 * index, "bytes"),
        )
    ]
    byte = [load_subword("ldrsb", "r4", "r0", 0, "bytes"), *limited("r4"), store("strb", "r4", "r0", 0, "bytes")]
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
    """(above, below) of `clamp_bytes` for a range [least, greatest]."""
    least, greatest = clamp
    return (127 - greatest) * 0x01010101, (128 + least) * 0x01010101
