"""Copies of bytes by words, whatever their alignment: these cores load and store words anywhere."""

from __future__ import annotations

from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch, ldr, load_subword, store
from utvm.operators.kernel import CodeUnit

_WORDS_A_ROUND = 4


@lru_cache(maxsize=8)
def copy_bytes(core: Core) -> CodeUnit:
    """`void f(void *to, const void *from, int32_t bytes)`; the two do not overlap, `bytes` may be 0."""
    name = f"utvm_copy_{TUNINGS[core.name]}"
    function = AssemblyFunction(name, f"void {name}(void *to, const void *from, int32_t bytes)", core)

    def words(count: int) -> list[Instruction]:
        registers = [f"r{3 + index}" for index in range(count)]
        return [
            *(ldr(register, "r1", 4 * index, "from") for index, register in enumerate(registers)),
            *(store("str", register, "r0", 4 * index, "to") for index, register in enumerate(registers)),
            *advance("r1", 4 * count),
            *advance("r0", 4 * count),
        ]

    byte = [load_subword("ldrsb", "r3", "r1", 0, "from"), store("strb", "r3", "r0", 0, "to")]
    size = 4 * _WORDS_A_ROUND
    function.block([alu("subs", "r2", "r2", size), branch("lt", "2f")])
    function.label(1)
    function.block([*words(_WORDS_A_ROUND), alu("subs", "r2", "r2", size), branch("ge", "1b")], loop=True)
    function.label(2, align_bytes=1)
    function.block([alu("adds", "r2", "r2", size - 4), branch("lt", "4f")])
    function.label(3, align_bytes=1)
    function.block([*words(1), alu("subs", "r2", "r2", 4), branch("ge", "3b")], loop=True)
    function.label(4, align_bytes=1)
    function.block([alu("adds", "r2", "r2", 4), branch("eq", "6f")])
    function.label(5, align_bytes=1)
    function.block(
        [*byte, *advance("r1", 1), *advance("r0", 1), alu("subs", "r2", "r2", 1), branch("ne", "5b")], loop=True
    )
    function.label(6, align_bytes=1)
    return function.unit()
