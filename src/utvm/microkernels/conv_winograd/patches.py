"""From an int16 strip to patches in the frequency domain, B' d B for two channels a word."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch, constant, ldr, mov, parallel, store
from utvm.microkernels.conv_winograd.windows import Block, Window
from utvm.operators.kernel import CodeUnit

# Rows and columns of B' by a block's taps and frequency: a difference or sum of two of a patch's rows, or one of them.
_Combination = tuple[str, int, int] | tuple[int]
_COMBINATIONS: dict[int, dict[int, _Combination]] = {
    3: {0: ("ssub16", 0, 2), 1: ("sadd16", 1, 2), 2: ("ssub16", 2, 1), 3: ("ssub16", 1, 3)},
    2: {0: ("ssub16", 0, 1), 1: (1,), 3: ("ssub16", 1, 2)},
    1: {0: (0,), 3: (1,)},
}
_ROWS = ("r0", "r1")  # of the patch's first and third row
_TARGET, _TILES, _WORDS = "r2", "r3", "r12"


@dataclass(frozen=True)
class PatchWalk:
    """A row of patches in a strip: its channels (even), the bytes of one of the strip's rows, the window."""

    channels: int
    row_bytes: int
    window: Window

    def refusal(self) -> str:
        """Why no code can be made; empty if it can."""
        reach = self.row_bytes + 6 * self.channels + 4
        return f"rows of {self.row_bytes} bytes are too long for a load" if reach > 4092 else ""


def transform_unit(walk: PatchWalk, block: Block, core: Core) -> CodeUnit:
    """`void f(const int16_t *strip, int16_t *patches, int32_t tiles)`.

    `strip` is the block's first element under the first tile, tiles are two pixels apart. Patches are [tile][place in
    the window's order][channel], of which the block's are written.
    """
    return _built(walk, block, core)[0]


def transform_cycles(walk: PatchWalk, block: Block, core: Core) -> float:
    """Modelled cycles per tile."""
    return _built(walk, block, core)[1]


@lru_cache(maxsize=64)
def _built(walk: PatchWalk, block: Block, core: Core) -> tuple[CodeUnit, float]:
    part = f"w{walk.window}t{block.top}l{block.left}"
    name = f"utvm_winograd_patches_s16_{part}c{walk.channels}r{walk.row_bytes}_{TUNINGS[core.name]}"
    function = AssemblyFunction(name, f"void {name}(const int16_t *strip, int16_t *patches, int32_t tiles)", core)
    pixel_bytes = 2 * walk.channels
    function.block([mov(_TILES, "r2"), mov(_TARGET, "r1"), *_sum("r1", "r0", 2 * walk.row_bytes)])
    function.label(1, align_bytes=1)
    function.block(constant(_WORDS, walk.channels // 2))
    function.label(2)
    body: list[Instruction] = []
    for row, combination in _COMBINATIONS[block.rows].items():
        body += _frequencies(walk, block, row, combination)
    body += [instruction for pointer in (*_ROWS, _TARGET) for instruction in advance(pointer, 4)]
    function.block([*body, alu("subs", _WORDS, _WORDS, 1), branch("ne", "2b")], loop=True)
    cycles = walk.channels // 2 * function.block_cycles[-1]
    # A tile is two pixels on; one was walked already.
    steps = [instruction for pointer in _ROWS for instruction in advance(pointer, pixel_bytes)]
    steps += advance(_TARGET, (walk.window.products - 1) * pixel_bytes)
    function.block([*steps, alu("subs", _TILES, _TILES, 1), branch("ne", "1b")])
    return function.unit(), cycles + function.block_cycles[-1]


def _frequencies(walk: PatchWalk, block: Block, row: int, combination: _Combination) -> list[Instruction]:
    """One row of frequencies of one word of channels."""
    pixel_bytes = 2 * walk.channels
    columns = ("r4", "r5", "r6", "r7")[: block.columns + 1]
    found: list[Instruction] = []

    def load(register: str, source: int, index: int) -> Instruction:
        return ldr(register, _ROWS[source // 2], (source % 2) * walk.row_bytes + index * pixel_bytes, "strip")

    for index, column in enumerate(columns):
        if len(combination) == 1:
            found.append(load(column, combination[0], index))
            continue
        mnemonic, first, second = combination
        operands = (("r8", "r9"), ("r10", "r11"))[index % 2]
        found += [load(operands[0], first, index), load(operands[1], second, index)]
        found.append(parallel(mnemonic, column, *operands))
    for index, across in _COMBINATIONS[block.columns].items():
        if len(across) == 1:
            result = columns[across[0]]
        else:
            result = ("lr", "r8", "r9", "r10")[index]
            found.append(parallel(across[0], result, columns[across[1]], columns[across[2]]))
        offset = walk.window.place(4 * row + index, block) * pixel_bytes
        found.append(store("str", result, _TARGET, offset, "patches"))
    return found


def _sum(register: str, base: str, step: int) -> list[Instruction]:
    return [mov(register, base), *advance(register, step)]
