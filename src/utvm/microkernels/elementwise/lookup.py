"""A table of 256 bytes applied to every byte, four loaded at a time."""

from __future__ import annotations

from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import (
    advance,
    alu,
    branch,
    extend,
    ldr,
    load_indexed,
    load_subword,
    shift,
    store,
)
from utvm.operators.kernel import CodeUnit

_INDICES = (("r5", "r6", "r7", "r8"), ("r10", "r11", "r12", "lr"))
_WORDS = ("r4", "r9")


@lru_cache(maxsize=8)
def lookup_unit(core: Core) -> CodeUnit:
    """`void f(const void *input, void *output, int32_t count, const void *table)`, indexed by unsigned bytes.

    Aligned to words; the output may be the input.
    """
    name = f"utvm_lookup_u8_u8_{TUNINGS[core.name]}"
    prototype = f"void {name}(const void *input, void *output, int32_t count, const void *table)"
    function = AssemblyFunction(name, prototype, core)
    size = 4 * len(_WORDS)
    words: list[Instruction] = [ldr(word, "r0", 4 * index, "input") for index, word in enumerate(_WORDS)]
    for word, indices in zip(_WORDS, _INDICES, strict=True):
        words += [extend("uxtb", index, word, 8 * place) for place, index in enumerate(indices[:3])]
        words.append(shift("lsr", indices[3], word, 24))
        words += [load_indexed("ldrb", index, "r3", index, 0, "table") for index in indices]
    for number, indices in enumerate(_INDICES):
        words += [store("strb", index, "r1", 4 * number + place, "output") for place, index in enumerate(indices)]
    byte = [load_subword("ldrb", "r4", "r0", 0, "input"), load_indexed("ldrb", "r4", "r3", "r4", 0, "table")]
    byte.append(store("strb", "r4", "r1", 0, "output"))
    function.block([alu("subs", "r2", "r2", size), branch("lt", "2f")])
    function.label(1)
    steps = [*advance("r0", size), *advance("r1", size), alu("subs", "r2", "r2", size)]
    function.block([*words, *steps, branch("ge.w", "1b")], loop=True)
    function.label(2, align_bytes=1)
    function.block([alu("adds", "r2", "r2", size), branch("eq", "4f")])
    function.label(3, align_bytes=1)
    steps = [*advance("r0", 1), *advance("r1", 1), alu("subs", "r2", "r2", 1)]
    function.block([*byte, *steps, branch("ne", "3b")], loop=True)
    function.label(4, align_bytes=1)
    return function.unit()
