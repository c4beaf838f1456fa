"""From an int16 strip to patches in the frequency domain, B' d B for two channels a word."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch, constant, ldr, mov, parallel, store
from utvm.operators.kernel import CodeUnit

# Rows and columns of B': each is a difference or sum of two of a patch's four rows.
_COMBINATIONS = (("ssub16", 0, 2), ("sadd16", 1, 2), ("ssub16", 2, 1), ("ssub16", 1, 3))
_ROWS = ("r0", "r1")  # of the patch's first and third row
_TARGET, _TILES, _WORDS = "r2", "r3", "r12"


@dataclass(frozen=True)
class PatchWalk:
    """A row of patches in a strip: its channels (even) and the bytes of one of the strip's rows."""

    channels: int
    row_bytes: int

    def refusal(self) -> str:
        """Why no code can be made; empty if it can."""
        reach = self.row_bytes + 6 * self.channels + 4
        return f"rows of {self.row_bytes} bytes are too long for a load" if reach > 4092 else ""


@lru_cache(maxsize=64)
def transform_unit(walk: PatchWalk, core: Core) -> CodeUnit:
    """`void f(const int16_t *strip, int16_t *patches, int32_t tiles)`.

    Patches are [tile][frequency][channel], tiles two pixels apart in the strip.
    """
    name = f"utvm_winograd_patches_s16_c{walk.channels}r{walk.row_bytes}_{TUNINGS[core.name]}"
    function = AssemblyFunction(name, f"void {name}(const int16_t *strip, int16_t *patches, int32_t tiles)", core)
    pixel_bytes = 2 * walk.channels
    function.block([mov(_TILES, "r2"), mov(_TARGET, "r1"), *_sum("r1", "r0", 2 * walk.row_bytes)])
    function.label(1, align_bytes=1)
    function.block(constant(_WORDS, walk.channels // 2))
    function.label(2)
    body: list[Instruction] = []
    for row, combination in enumerate(_COMBINATIONS):
        body += _frequencies(walk, row, combination)
    body += [instruction for pointer in (*_ROWS, _TARGET) for instruction in advance(pointer, 4)]
    function.block([*body, alu("subs", _WORDS, _WORDS, 1), branch("ne", "2b")], loop=True)
    # A tile is two pixels on; one was walked already.
    steps = [instruction for pointer in _ROWS for instruction in advance(pointer, pixel_bytes)]
    steps += advance(_TARGET, 15 * pixel_bytes)
    function.block([*steps, alu("subs", _TILES, _TILES, 1), branch("ne", "1b")])
    return function.unit()


def _frequencies(walk: PatchWalk, row: int, combination: tuple[str, int, int]) -> list[Instruction]:
    """One row of four frequencies of one word of channels."""
    mnemonic, first, second = combination
    pixel_bytes = 2 * walk.channels
    columns = ("r4", "r5", "r6", "r7")
    found = []
    for index, column in enumerate(columns):
        operands = (("r8", "r9"), ("r10", "r11"))[index % 2]
        for register, source in zip(operands, (first, second), strict=True):
            offset = (source % 2) * walk.row_bytes + index * pixel_bytes
            found.append(ldr(register, _ROWS[source // 2], offset, "strip"))
        found.append(parallel(mnemonic, column, *operands))
    for index, (operation, a, b) in enumerate(_COMBINATIONS):
        result = ("lr", "r8", "r9", "r10")[index]
        found.append(parallel(operation, result, columns[a], columns[b]))
        found.append(store("str", result, _TARGET, (4 * row + index) * pixel_bytes, "patches"))
    return found


def _sum(register: str, base: str, step: int) -> list[Instruction]:
    return [mov(register, base), *advance(register, step)]
