"""Products of matrices, one a frequency: two tiles by two channels at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch, constant, ldr, multiply, smlad, store
from utvm.microkernels.conv_winograd.windows import FREQUENCIES, Run, Window
from utvm.operators.kernel import CodeUnit

SUMS_TILE_BYTES = FREQUENCIES * 2 * 4
"""Of one tile: [frequency][low or high channel] int32."""

_PATCHES, _WEIGHTS, _SUMS, _PAIRS = "r0", "r1", "r2", "r3"
_PARTS = "r3"
_SLOTS = {_PATCHES: 0, _SUMS: 4}
_PAIRS_SLOT = 8
_TOTALS = (("r4", "r5"), ("r6", "r7"))
_FARTHEST_LOAD = 4092

# Words of summands to unroll: loops stay within the small instruction caches of M4 flashes (conv2d_layout.py).
_LARGEST_UNROLL = {"cortex-m4": 16}
_LEAST_UNROLL = 6


@dataclass(frozen=True)
class ProductWalk:
    """Input channels (even) and the window."""

    channels: int
    window: Window

    @property
    def tile_bytes(self) -> int:
        """From a tile's patch to the next one's."""
        return self.window.products * 2 * self.channels

    def summands(self, run: Run) -> int:
        """Of each sum of a run's frequencies: channels of all its blocks."""
        return run.blocks * self.channels

    def refusal(self) -> str:
        """Why no code can be made; empty if it can."""
        reach = self.tile_bytes + max(2 * self.summands(run) for run in self.window.runs)
        return (
            f"{self.channels} input channels are too many: no load reaches the next tile"
            if (reach - 4 > _FARTHEST_LOAD)
            else ""
        )


def product_unit(walk: ProductWalk, run: Run, core: Core) -> CodeUnit:
    """`void f(const int16_t *patches, const int32_t *weights, int32_t *sums, int32_t tile_pairs)`.

    For a run of frequencies and one pair of output channels; the pointers are at the run's first operands and sums.
    Sums are [tile][frequency][2]. Loads reach `overread_bytes` beyond the patches.
    """
    return _built(walk, run, core)[0]


def overread_bytes(walk: ProductWalk) -> int:
    """What the first operands of two tiles beyond the last take."""
    return 2 * walk.tile_bytes


def product_cycles(walk: ProductWalk, core: Core, tile_pairs: int) -> float:
    """Modelled cycles of all frequencies of so many pairs of tiles, without calls."""
    total = 0.0
    for run in walk.window.runs:
        begin, each, end = _built(walk, run, core)[1]
        total += run.frequencies * (begin + tile_pairs * each + end)
    return total


@lru_cache(maxsize=64)
def _built(walk: ProductWalk, run: Run, core: Core) -> tuple[CodeUnit, tuple[float, float, float]]:
    summands, tile_bytes = walk.summands(run), walk.tile_bytes
    name = f"utvm_winograd_products_2x2_s16_s16_f{run.frequencies}c{summands}t{tile_bytes}_{TUNINGS[core.name]}"
    prototype = f"void {name}(const int16_t *patches, const int32_t *weights, int32_t *sums, int32_t tile_pairs)"
    function = AssemblyFunction(name, prototype, core, stack_bytes=16)
    spills = [store("str", register, "sp", slot, f"stack {register}") for register, slot in _SLOTS.items()]
    function.block([*spills, store("str", _PAIRS, "sp", _PAIRS_SLOT, "stack"), *constant("lr", run.frequencies)])
    function.label(1, align_bytes=1)
    words, unroll = summands // 2, _unroll(summands // 2, core)
    if unroll == words:
        begin_cycles, pair_cycles = _unrolled(function, words, tile_bytes)
    else:
        begin_cycles, pair_cycles = _looped(function, words, unroll, tile_bytes)
    end = [ldr(register, "sp", slot, f"stack {register}") for register, slot in _SLOTS.items()]
    end += [*advance(_PATCHES, 2 * summands), *advance(_SUMS, 8), *advance(_WEIGHTS, 4 * summands), *spills]
    function.block([*end, alu("subs", "lr", "lr", 1), branch("ne", "1b")])
    return function.unit(), (begin_cycles, pair_cycles, function.block_cycles[-1])


def _unroll(words: int, core: Core) -> int:
    """The most words that divide all evenly and keep the loop small; all, where that would be few."""
    largest = _LARGEST_UNROLL.get(core.name, words)
    unroll = next(size for size in range(min(words, largest), 0, -1) if words % size == 0)
    return unroll if unroll >= _LEAST_UNROLL else words


def _unrolled(function: AssemblyFunction, words: int, tile_bytes: int) -> tuple[float, float]:
    """The pairs of tiles, operands of each first word loaded ahead; cycles before them and of each."""
    first = _loads(0, tile_bytes)
    function.block([ldr("r12", "sp", _PAIRS_SLOT, "stack"), *first])
    begin_cycles = function.block_cycles[-1]
    function.label(2)
    body = _products(first=True)
    for word in range(1, words):
        body += [*_loads(word, tile_bytes), *_products()]
    body += [*_stores(), *advance(_PATCHES, 2 * tile_bytes), *advance(_SUMS, 2 * SUMS_TILE_BYTES), *first]
    function.block([*body, alu("subs", "r12", "r12", 1), branch("ne", "2b")], loop=True)
    return begin_cycles, function.block_cycles[-1]


def _looped(function: AssemblyFunction, words: int, unroll: int, tile_bytes: int) -> tuple[float, float]:
    """The same with a loop over parts of the words."""
    parts = words // unroll
    function.block([ldr("r12", "sp", _PAIRS_SLOT, "stack")])
    marks = len(function.block_cycles)
    function.label(2, align_bytes=1)
    zeros = [instruction for totals in _TOTALS for total in totals for instruction in constant(total, 0)]
    function.block([*constant(_PARTS, parts), *zeros])
    function.label(3)
    body: list[Instruction] = []
    for word in range(unroll):
        body += [*_loads(word, tile_bytes), *_products()]
    body += [*advance(_PATCHES, 4 * unroll), *advance(_WEIGHTS, 8 * unroll)]
    function.block([*body, alu("subs", _PARTS, _PARTS, 1), branch("ne", "3b")], loop=True)
    back = [*advance(_PATCHES, 2 * tile_bytes - 4 * words), *advance(_WEIGHTS, -8 * words)]
    end = [*_stores(), *back, *advance(_SUMS, 2 * SUMS_TILE_BYTES)]
    function.block([*end, alu("subs", "r12", "r12", 1), branch("ne", "2b")])
    start, part, finish = function.block_cycles[marks:]
    return function.block_cycles[marks - 1], start + parts * part + finish


def _products(first: bool = False) -> list[Instruction]:
    """Of a word of two tiles and two channels, added to what is there unless it is the first."""
    return [
        multiply("smuad", total, x, factor) if first else smlad(total, x, factor, total)
        for x, totals in zip(("r8", "r9"), _TOTALS, strict=True)
        for total, factor in zip(totals, ("r10", "r11"), strict=True)
    ]


def _stores() -> list[Instruction]:
    return [
        store("str", total, _SUMS, tile * SUMS_TILE_BYTES + 4 * side, "sums")
        for tile, totals in enumerate(_TOTALS)
        for side, total in enumerate(totals)
    ]


def _loads(word: int, tile_bytes: int) -> list[Instruction]:
    """Two inputs of two channels' weights, and of two tiles."""
    weights = [ldr(register, _WEIGHTS, 8 * word + 4 * side, "weights") for side, register in enumerate(("r10", "r11"))]
    patches = [ldr(x, _PATCHES, 4 * word + tile * tile_bytes, "patches") for tile, x in enumerate(("r8", "r9"))]
    return weights + patches
