"""Sums over pixels, up to sixteen channels at a time: bytes are added to half-words two by two."""

from __future__ import annotations

from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction, Kind, Use
from utvm.microkernels.assembly.operations import alu, branch, constant, extend, ldr, shift, store
from utvm.operators.kernel import CodeUnit

MOST_PIXELS = 256
"""Sums of more could leave the half-words they are held in."""

_IMAGE, _STEP, _COUNT = "r0", "r1", "r2"
_PARTS = tuple((f"r{number}", f"r{number + 1}") for number in (4, 6, 8, 10))
_LOADED = ("r3", "r12", "lr")


@lru_cache(maxsize=16)
def channel_sums_unit(words: int, core: Core) -> CodeUnit:
    """`void f(const int8_t *pixels, int32_t step, int32_t count, int32_t *sums)`: add 4 * `words` channels to the sums.

    `pixels` is aligned to words; `step` bytes, a multiple of 4, from one to the next, of at least one and at most
    MOST_PIXELS.
    """
    name = f"utvm_channel_sums_s8x{4 * words}_{TUNINGS[core.name]}"
    prototype = f"void {name}(const int8_t *pixels, int32_t step, int32_t count, int32_t *sums)"
    function = AssemblyFunction(name, prototype, core, stack_bytes=8)
    parts = _PARTS[:words]
    begin = [store("str", "r3", "sp", 0, "stack")]
    for even, odd in parts:
        begin += [*constant(even, 0), *constant(odd, 0)]
    function.block(begin)
    function.label(1)
    body = [ldr(_LOADED[word % len(_LOADED)], _IMAGE, 4 * word, "image") for word in range(min(words, len(_LOADED)))]
    for word, (even, odd) in enumerate(parts):
        loaded = _LOADED[word % len(_LOADED)]
        body += [_extend_add(even, loaded, 0), _extend_add(odd, loaded, 8)]
        if word + len(_LOADED) < words:
            body.append(ldr(loaded, _IMAGE, 4 * (word + len(_LOADED)), "image"))
    body += [alu("add", _IMAGE, _IMAGE, _STEP), alu("subs", _COUNT, _COUNT, 1), branch("ne", "1b")]
    function.block(body, loop=True)
    end = [ldr("r0", "sp", 0, "stack")]
    for word, halves in enumerate(parts):
        for number, part in enumerate(halves):
            for high in (0, 1):
                place, total, old = 16 * word + 4 * number + 8 * high, _LOADED[high], ("r1", "r2")[high]
                end += [ldr(old, "r0", place, "sums")]
                end.append(shift("asr", total, part, 16) if high else extend("sxth", total, part))
                end += [alu("add", old, old, total), store("str", old, "r0", place, "sums")]
    function.block(end)
    return function.unit()


def _extend_add(target: str, word: str, rotation: int) -> Instruction:
    """Add two bytes of the word, sign-extended, to the half-words of the target."""
    text = f"sxtab16 {target}, {target}, {word}{f', ror #{rotation}' if rotation else ''}"
    return Instruction(text, Kind.BITFIELD, ((target, Use.LATE), (word, Use.EARLY)), (target,), shifts=True)
