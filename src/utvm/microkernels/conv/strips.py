"""Filling int16 strips: int8 rows widened, and rows of one value."""

from __future__ import annotations

from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch, extend, ldr, load_subword, store
from utvm.operators.kernel import CodeUnit

QUAD_ORDER = (0, 2, 1, 3)
"""Where elements of a group of four go in the strip that `widen_quads` writes."""

# How many words are widened per round; the rest one by one.
_WORDS_A_ROUND = 4

FILL = CodeUnit(
    "utvm_fill_s16",
    "void utvm_fill_s16(int16_t *row, int16_t value, int32_t count)",
    "c",
    """/* Words rather than half-words: the first element may be the second half of one. */
void utvm_fill_s16(int16_t *row, int16_t value, int32_t count) {
    const uint32_t pair = (uint32_t)(uint16_t)value * 0x10001U;
    if (((uintptr_t)row & 2U) != 0U && count > 0) {
        *row = value;
        ++row;
        --count;
    }
    for (; count >= 8; count -= 8) {
        int16_t *const words = __builtin_assume_aligned(row, 4);
        __builtin_memcpy(words, &pair, 4);
        __builtin_memcpy(words + 2, &pair, 4);
        __builtin_memcpy(words + 4, &pair, 4);
        __builtin_memcpy(words + 6, &pair, 4);
        row += 8;
    }
    for (; count > 0; --count) {
        *row = value;
        ++row;
    }
}
""",
)


@lru_cache(maxsize=8)
def widen_quads(core: Core) -> CodeUnit:
    """`void f(int16_t *strip, const int8_t *row, int32_t quads)`: groups of four, each in QUAD_ORDER.

    Both pointers are aligned to words; `quads` may be 0.
    """
    name = f"utvm_widen_quads_s8_s16_{TUNINGS[core.name]}"
    function = AssemblyFunction(name, f"void {name}(int16_t *strip, const int8_t *row, int32_t quads)", core)

    def widened(words: int) -> list[Instruction]:
        found: list[Instruction] = []
        for word in range(words):
            source, even, odd = f"r{3 + 3 * (word % 3)}", f"r{4 + 3 * (word % 3)}", f"r{5 + 3 * (word % 3)}"
            found.append(ldr(source, "r1", 4 * word, "row"))
            found += [extend("sxtb16", even, source), extend("sxtb16", odd, source, 8)]
            found.append(store("str", even, "r0", 8 * word, "strip"))
            found.append(store("str", odd, "r0", 8 * word + 4, "strip"))
        return [*found, *advance("r1", 4 * words), *advance("r0", 8 * words)]

    function.block([alu("subs", "r2", "r2", _WORDS_A_ROUND), branch("lt", "2f")])
    function.label(1)
    function.block([*widened(_WORDS_A_ROUND), alu("subs", "r2", "r2", _WORDS_A_ROUND), branch("ge", "1b")], loop=True)
    function.label(2, align_bytes=1)
    function.block([alu("adds", "r2", "r2", _WORDS_A_ROUND), branch("eq", "4f")])
    function.label(3, align_bytes=1)
    function.block([*widened(1), alu("subs", "r2", "r2", 1), branch("ne", "3b")], loop=True)
    function.label(4, align_bytes=1)
    return function.unit()


@lru_cache(maxsize=8)
def widen_elements(core: Core, copies: int) -> CodeUnit:
    """`void f(int16_t *strip, const int8_t *row, int32_t elements, int32_t second_bytes)`, in order, at least one.

    With two copies, element i also goes to `second_bytes` + 2 * i bytes after the strip's start.
    """
    name = f"utvm_widen_s8_s16x{copies}_{TUNINGS[core.name]}"
    parameters = "int16_t *strip, const int8_t *row, int32_t elements" + (
        ", int32_t second_bytes" if copies > 1 else ""
    )
    function = AssemblyFunction(name, f"void {name}({parameters})", core)
    targets = ["r0", "r3"][:copies]

    def widened(elements: int) -> list[Instruction]:
        found: list[Instruction] = []
        for element in range(elements):
            value = f"r{4 + element}"
            found.append(load_subword("ldrsb", value, "r1", element, "row"))
            found += [store("strh", value, target, 2 * element, "strip") for target in targets]
        found += advance("r1", elements)
        for target in targets:
            found += advance(target, 2 * elements)
        return found

    function.block(
        [*([alu("add", "r3", "r3", "r0")] if copies > 1 else []), alu("subs", "r2", "r2", 4), branch("lt", "2f")]
    )
    function.label(1)
    function.block([*widened(4), alu("subs", "r2", "r2", 4), branch("ge", "1b")], loop=True)
    function.label(2, align_bytes=1)
    function.block([alu("adds", "r2", "r2", 4), branch("eq", "4f")])
    function.label(3, align_bytes=1)
    function.block([*widened(1), alu("subs", "r2", "r2", 1), branch("ne", "3b")], loop=True)
    function.label(4, align_bytes=1)
    return function.unit()
