"""From sums per frequency to int8 outputs: A' m A, bias, requantization."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import (
    accumulate,
    advance,
    alu,
    alu_shifted,
    branch,
    ldr,
    multiply,
    shift,
    ssat,
    store,
)
from utvm.microkernels.conv import Rounding
from utvm.microkernels.conv_winograd.products import SUMS_TILE_BYTES
from utvm.microkernels.conv_winograd.windows import Window
from utvm.operators.kernel import CodeUnit

_SUMS, _RECORD, _OUTPUT, _TILES = "r0", "r1", "r2", "r3"
_UPPER, _LOWER = ("r4", "r5", "r6", "r7"), ("r8", "r9", "r10", "r11")


@dataclass(frozen=True)
class ResultWalk:
    """A row of output tiles: bytes between pixels, between rows, from the low channel to the high; the rounding.

    The window says in which order the frequencies' sums are.
    """

    pixel_bytes: int
    row_bytes: int
    high_offset: int
    rounding: Rounding
    window: Window

    def refusal(self) -> str:
        """Why no code can be made; empty if it can."""
        reach = self.pixel_bytes + self.row_bytes + self.high_offset
        return f"output rows are {self.row_bytes} bytes apart, too far for a store" if reach > 4095 else ""


def result_unit(walk: ResultWalk, core: Core) -> CodeUnit:
    """`void f(const int32_t *sums, const int32_t *record, int8_t *output, int32_t tiles)`, for a pair of channels."""
    return _built(walk, core)[0]


def result_cycles(walk: ResultWalk, core: Core) -> float:
    """Modelled cycles per tile."""
    return _built(walk, core)[1]


@lru_cache(maxsize=64)
def _built(walk: ResultWalk, core: Core) -> tuple[CodeUnit, float]:
    extents = f"w{walk.window}p{walk.pixel_bytes}r{walk.row_bytes}h{walk.high_offset}"
    name = f"utvm_winograd_results_s8_{extents}_{walk.rounding}_{TUNINGS[core.name]}"
    prototype = f"void {name}(const int32_t *sums, const int32_t *record, int8_t *output, int32_t tiles)"
    function = AssemblyFunction(name, prototype, core)
    function.label(1)
    body = [*_channel(walk, 0, 0), *_channel(walk, 1, walk.high_offset)]
    body += [*advance(_SUMS, SUMS_TILE_BYTES), *advance(_OUTPUT, 2 * walk.pixel_bytes)]
    function.block([*body, alu("subs", _TILES, _TILES, 1), branch("ne", "1b")], loop=True)
    return function.unit(), function.block_cycles[-1]


def _channel(walk: ResultWalk, side: int, offset: int) -> list[Instruction]:
    found: list[Instruction] = []
    for column in range(4):
        upper, lower = _UPPER[column], _LOWER[column]

        def load(register: str, row: int, column: int = column) -> Instruction:
            return ldr(register, _SUMS, 8 * walk.window.order.index(4 * row + column) + 4 * side, "sums")

        # upper = m0 + m1 + m2, lower = m1 - m2 - m3
        found += [load(upper, 0), load("r12", 1), load("lr", 2), load(lower, 3)]
        found += [alu("add", upper, upper, "r12"), alu("sub", lower, "r12", lower)]
        found += [alu("add", upper, upper, "lr"), alu("sub", lower, lower, "lr")]
    for first, second, third, fourth in (_UPPER, _LOWER):
        found += [alu("add", first, first, second), alu("add", first, first, third)]
        found += [alu("sub", second, second, third), alu("sub", second, second, fourth)]
    outputs = (_UPPER[0], _UPPER[1], _LOWER[0], _LOWER[1])
    bias, multiplier, addend, amount = (_UPPER[2], _UPPER[3], _LOWER[2], _LOWER[3])
    for index, register in enumerate((bias, multiplier, addend, amount)):
        found.append(ldr(register, _RECORD, 16 * side + 4 * index, "record"))
    for value in outputs:
        # Four times the accumulator; SMMULR wants it doubled.
        found += [alu("add", value, value, bias), shift("asr", value, value, 1)]
        if walk.rounding == "floor":
            found.append(accumulate("smmlar", value, value, multiplier, addend))
        else:
            found.append(multiply("smmulr", value, value, multiplier))
            found += [alu_shifted("add", value, value, value, "asr", 31), alu("add", value, value, addend)]
        found += [shift("asr", value, value, amount), ssat(value, 8, value)]
    places = (0, walk.pixel_bytes, walk.row_bytes, walk.row_bytes + walk.pixel_bytes)
    return found + [
        store("strb", value, _OUTPUT, offset + at, "output") for value, at in zip(outputs, places, strict=True)
    ]
