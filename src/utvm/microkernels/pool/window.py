"""One output pixel of a pool: all its channels, two words of four at a time, over a window that lies in the image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction, Kind, Use, raw
from utvm.microkernels.assembly.operations import (
    advance,
    alu,
    alu_shifted,
    branch,
    compare_bytes,
    constant,
    extend,
    ldr,
    mov,
    multiply,
    select_bytes,
    shift,
    store,
)
from utvm.operators.kernel import CodeUnit

MOST_TAPS = 256
"""More bytes could leave the half-words they are summed in."""

_IMAGE, _OUTPUT, _ROWS, _COLUMNS = "r0", "r1", "r2", "r3"
_TAP, _ROW_COUNT, _COLUMN_COUNT, _ROW_STEP = "r4", "r5", "r6", "lr"
_WORDS = ("r7", "r8")
_PARTS = (("r9", "r10"), ("r11", "r12"))
_SLOTS = ("groups", "taps")
_STACK_BYTES = 4 * len(_SLOTS)
_SMALLEST_BYTES = 0x80808080


@dataclass(frozen=True)
class PoolWindow:
    """`channels`, a multiple of 4, of every pixel; `row_step` bytes from a row of the image to the next."""

    kind: Literal["average", "max"]
    channels: int
    row_step: int

    @property
    def words(self) -> int:
        """Words at a time."""
        return 2 if self.channels % 8 == 0 else 1

    def name(self, core: Core) -> str:
        """utvm_pool_, kind, types, channels, step, core."""
        return f"utvm_pool_{self.kind}_s8_c{self.channels}r{self.row_step}_{TUNINGS[core.name]}"


@lru_cache(maxsize=64)
def pool_unit(pool: PoolWindow, core: Core) -> CodeUnit:
    """`void f(const int8_t *window, int8_t *output, int32_t rows, int32_t columns)`.

    At least one tap and at most MOST_TAPS. Averages are rounded, halves away from zero.
    """
    name = pool.name(core)
    prototype = f"void {name}(const int8_t *window, int8_t *output, int32_t rows, int32_t columns)"
    function = AssemblyFunction(name, prototype, core, _STACK_BYTES)
    step = constant("r5", pool.channels)
    walked = [multiply("mul", "r5", "r5", _COLUMNS), *constant(_ROW_STEP, pool.row_step)]
    groups = constant("r6", pool.channels // (4 * pool.words))
    taps = [multiply("mul", "r4", _ROWS, _COLUMNS), _spill("r4", "taps")]
    function.block([*step, *walked, alu("sub", _ROW_STEP, _ROW_STEP, "r5"), *groups, _spill("r6", "groups"), *taps])
    function.label(1)
    function.block([mov(_TAP, _IMAGE), mov(_ROW_COUNT, _ROWS), *_begin(pool)])
    function.label(2)
    function.block([mov(_COLUMN_COUNT, _COLUMNS)])
    function.label(3)
    counted = alu("subs", _COLUMN_COUNT, _COLUMN_COUNT, 1)
    function.block([*_tap(pool), *advance(_TAP, pool.channels), counted, branch("ne", "3b")], loop=True)
    next_row = alu("add", _TAP, _TAP, _ROW_STEP)
    function.block([next_row, alu("subs", _ROW_COUNT, _ROW_COUNT, 1), branch("ne", "2b")], loop=True)
    end = _largest(pool) if pool.kind == "max" else _averages(pool)
    end += [*advance(_IMAGE, 4 * pool.words), *advance(_OUTPUT, 4 * pool.words)]
    end += [_fill("r6", "groups"), alu("subs", "r6", "r6", 1), _spill("r6", "groups")]
    function.block([*end, branch("ne.w", "1b")], loop=True)
    return function.unit()


def _begin(pool: PoolWindow) -> list[Instruction]:
    found: list[Instruction] = []
    for even, odd in _PARTS[: pool.words]:
        if pool.kind == "max":
            found += constant(even, _SMALLEST_BYTES)
        else:
            found += [*constant(even, 0), *constant(odd, 0)]
    return found


def _tap(pool: PoolWindow) -> list[Instruction]:
    """One pixel's words: the larger bytes, or sums of the even and of the odd bytes in half-words."""
    found: list[Instruction] = []
    for index, (even, odd) in enumerate(_PARTS[: pool.words]):
        word = _WORDS[index]
        found.append(ldr(word, _TAP, 4 * index, "image"))
        if pool.kind == "max":
            found += [compare_bytes(odd, even, word), select_bytes(even, even, word)]
        else:
            found += [_extend_add(even, word, 0), _extend_add(odd, word, 8)]
    return found


def _largest(pool: PoolWindow) -> list[Instruction]:
    return [
        store("str", largest, _OUTPUT, 4 * word, "output") for word, (largest, _) in enumerate(_PARTS[: pool.words])
    ]


def _averages(pool: PoolWindow) -> list[Instruction]:
    """(sum + half the taps, away from zero) / taps, rounded towards zero."""
    taps, half = _WORDS
    found = [_fill(taps, "taps"), shift("lsr", half, taps, 1)]
    for word, parts in enumerate(_PARTS[: pool.words]):
        for index, part in enumerate(parts):
            for high in (False, True):
                total, sign = ("r4", "r5") if not high else ("r5", "r6")
                found.append(shift("asr", total, part, 16) if high else extend("sxth", total, part))
                found += [shift("asr", sign, total, 31), alu("eor", sign, sign, half)]
                # half ^ sign - sign is -half for negative sums.
                found += [alu("add", sign, sign, total), alu_shifted("sub", total, sign, total, "asr", 31)]
                found.append(raw(f"sdiv {total}, {total}, {taps}", Kind.MULTIPLE, (total, taps), (total,)))
                found.append(store("strb", total, _OUTPUT, 4 * word + index + 2 * high, "output"))
    return found


def _extend_add(target: str, word: str, rotation: int) -> Instruction:
    """Add two bytes of the word, sign-extended, to the half-words of the target."""
    text = f"sxtab16 {target}, {target}, {word}{f', ror #{rotation}' if rotation else ''}"
    return Instruction(text, Kind.BITFIELD, ((target, Use.LATE), (word, Use.EARLY)), (target,), shifts=True)


def _fill(register: str, slot: str) -> Instruction:
    return ldr(register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")


def _spill(register: str, slot: str) -> Instruction:
    return store("str", register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")
