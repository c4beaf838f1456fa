"""Sixteen products of matrices, one a frequency: two tiles by two channels at a time."""

from __future__ import annotations

from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch, constant, ldr, mov, multiply, smlad, store
from utvm.microkernels.conv_winograd.weights import FREQUENCIES
from utvm.operators.kernel import CodeUnit

SUMS_TILE_BYTES = FREQUENCIES * 2 * 4
"""Of one tile: [frequency][low or high channel] int32."""

LARGEST_CHANNELS = 120
"""With more input channels a load does not reach from one tile to the next."""

_PATCHES, _WEIGHTS, _SUMS, _PAIRS = "r0", "r1", "r2", "r3"
_SLOTS = {_PATCHES: 0, _SUMS: 4}


def product_unit(channels: int, core: Core) -> CodeUnit:
    """`void f(const int16_t *patches, const int32_t *weights, int32_t *sums, int32_t tile_pairs)`.

    For all frequencies of one pair of output channels; `channels` (even) of input. Sums are [tile][frequency][2]. Loads
    reach `overread_bytes` beyond the patches.
    """
    return _built(channels, core)[0]


def overread_bytes(channels: int) -> int:
    """What the first operands of two tiles beyond the last take."""
    return 2 * FREQUENCIES * 2 * channels


def product_cycles(channels: int, core: Core) -> float:
    """Modelled cycles per two tiles, all frequencies."""
    return FREQUENCIES * _built(channels, core)[1]


@lru_cache(maxsize=64)
def _built(channels: int, core: Core) -> tuple[CodeUnit, float]:
    name = f"utvm_winograd_products_2x2_s16_s16_c{channels}_{TUNINGS[core.name]}"
    prototype = f"void {name}(const int16_t *patches, const int32_t *weights, int32_t *sums, int32_t tile_pairs)"
    function = AssemblyFunction(name, prototype, core, stack_bytes=8)
    tile_bytes = FREQUENCIES * 2 * channels
    spills = [store("str", register, "sp", slot, f"stack {register}") for register, slot in _SLOTS.items()]
    function.block([*spills, *constant("lr", FREQUENCIES)])
    function.label(1, align_bytes=1)
    first = _loads(0, tile_bytes)
    function.block([mov("r12", _PAIRS), *first])
    function.label(2)
    body: list[Instruction] = []
    for word in range(channels // 2):
        body += _loads(word, tile_bytes) if word else []
        for x, low, high in (("r8", "r4", "r5"), ("r9", "r6", "r7")):
            for total, factor in ((low, "r10"), (high, "r11")):
                body.append(smlad(total, x, factor, total) if word else multiply("smuad", total, x, factor))
    for tile, totals in enumerate((("r4", "r5"), ("r6", "r7"))):
        for side, total in enumerate(totals):
            body.append(store("str", total, _SUMS, tile * SUMS_TILE_BYTES + 4 * side, "sums"))
    body += [*advance(_PATCHES, 2 * tile_bytes), *advance(_SUMS, 2 * SUMS_TILE_BYTES), *first]
    function.block([*body, alu("subs", "r12", "r12", 1), branch("ne", "2b")], loop=True)
    cycles = function.block_cycles[-1]
    end = [ldr(register, "sp", slot, f"stack {register}") for register, slot in _SLOTS.items()]
    end += [*advance(_PATCHES, 2 * channels), *advance(_SUMS, 8), *advance(_WEIGHTS, 4 * channels), *spills]
    function.block([*end, alu("subs", "lr", "lr", 1), branch("ne", "1b")])
    return function.unit(), cycles


def _loads(word: int, tile_bytes: int) -> list[Instruction]:
    """Two inputs of two channels' weights, and of two tiles."""
    weights = [ldr(register, _WEIGHTS, 8 * word + 4 * side, "weights") for side, register in enumerate(("r10", "r11"))]
    patches = [ldr(x, _PATCHES, 4 * word + tile * tile_bytes, "patches") for tile, x in enumerate(("r8", "r9"))]
    return weights + patches
