"""The inner loop of the dot products: whole words of four int8 inputs against packed weights of up to eight rows.

A word of weights is two taps of two rows (see conv/packing.py). An input word is widened twice, to its even and to its
odd bytes; each half is multiplied with a word of weights per pair of rows:

    smlad raw, half, word, raw    (raw: low row + 256 * high row)
    sxtb16 word, word             (its low bytes)
    smlad sum, half, word, sum

which a Cortex-M7 issues in two cycles, the load of the next word included. Who has the three registers that remain
differs by core.
"""

from __future__ import annotations

from dataclasses import dataclass

from utvm.boards import Core
from utvm.microkernels.assembly import Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch, extend, ldr, smlad

X, WEIGHTS = "r0", "r1"
SUMS = tuple(f"r{number}" for number in range(4, 12))
HALF = "r2"
FREE = ("r3", "r12", "lr")
_INPUT = FREE[-1]


@dataclass(frozen=True)
class _Way:
    """Registers for `words` of weights; for low bytes `apart` from their word, so that it can be reloaded sooner; for
    the input word (`keeps_input`), which is loaded twice otherwise."""

    words: int
    apart: bool
    keeps_input: bool


# The fastest of all of each core's, by its pipeline's rules.
_WAYS = {
    "cortex-m4": _Way(words=2, apart=False, keeps_input=True),
    "cortex-m7": _Way(words=3, apart=False, keeps_input=False),
    "cortex-m33": _Way(words=1, apart=True, keeps_input=True),
}


def dot_round(core: Core, pairs: int, quads: int, end: Instruction, half_bytes: int) -> list[Instruction]:
    """`quads` input words against `pairs` pairs of rows, whose weights for half a word are `half_bytes` apart.

    `end` loads the input's end into HALF for the comparison.
    Words are loaded in groups, which is what the Cortex-M4 wants; the other cores' schedulers spread them.
    """
    way = _WAYS[core.name]
    words, total = FREE[: way.words], 2 * quads * pairs
    low_bytes = FREE[way.words] if way.apart else ""
    found: list[Instruction] = []
    for step in range(total):
        half, pair = divmod(step, pairs)
        word = words[step % way.words]
        if pair == 0 and (half % 2 == 0 or not way.keeps_input):
            found.append(ldr(_INPUT if way.keeps_input else HALF, X, 4 * (half // 2), "x"))
        if step % way.words == 0:
            group = range(step, min(step + way.words, total))
            places = {other: other // pairs * half_bytes + 4 * (other % pairs) for other in group}
            found += [ldr(words[other % way.words], WEIGHTS, places[other], "weights") for other in group]
        if pair == 0:
            found.append(extend("sxtb16", HALF, _INPUT if way.keeps_input else HALF, 8 * (half % 2)))
        found += products(pair, word, low_bytes or word)
    found += [*advance(WEIGHTS, 2 * quads * half_bytes), *advance(X, 4 * quads)]
    return [*found, end, alu("subs", HALF, HALF, X), branch("ne.w", "2b")]


def products(pair: int, word: str, low_bytes: str) -> list[Instruction]:
    """The products of a word of weights with HALF, for both rows of a pair."""
    low, raw = SUMS[2 * pair], SUMS[2 * pair + 1]
    whole, extended = smlad(raw, HALF, word, raw), extend("sxtb16", low_bytes, word)
    # Apart, the low bytes can be taken first, beside the product of the whole word.
    first = [whole, extended] if low_bytes == word else [extended, whole]
    return [*first, smlad(low, HALF, low_bytes, low)]
