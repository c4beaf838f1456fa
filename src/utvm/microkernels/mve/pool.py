"""One output pixel of a pool: all its channels, up to four vectors of them at a time, over a window in the image.

Averages are summed in half-words. The quotient of a sum's magnitude, half the count added, is the upper half of twice
its product with 2**31 // count rounded up: exact, as the magnitude times what is too much stays below 2**31.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from utvm.boards import Core
from utvm.microkernels.assembly import AssemblyFunction, Instruction, Kind, raw
from utvm.microkernels.assembly.operations import advance, alu, branch, constant, mov, multiply, shift
from utvm.microkernels.assembly.vector_operations import (
    BYTES,
    loop_end,
    loop_start,
    predicate,
    predicated,
    splat,
    vector,
    vector_load,
    vector_multiply,
    vector_store,
)
from utvm.model.fixed_point import Int64Array
from utvm.operators.kernel import CodeUnit

MOST_TAPS = 256
"""More bytes could leave the half-words they are summed in."""

_SUMS = ("q0", "q1", "q2", "q3")
_FACTOR = "q7"
_PARTS = ("q4", "q5", "q6")
_HALF = "r8"


@dataclass(frozen=True)
class VectorPool:
    """`channels` of every pixel; `row_step` bytes from a row of the image to the next."""

    kind: Literal["average", "max"]
    channels: int
    row_step: int

    @property
    def lanes(self) -> int:
        """Channels in a vector."""
        return BYTES if self.kind == "max" else BYTES // 2

    @property
    def name(self) -> str:
        """utvm_pool_, kind, types, channels, step, core."""
        return f"utvm_pool_{self.kind}_s8_c{self.channels}r{self.row_step}_mve"


def average_of(sums: Int64Array, count: int) -> Int64Array:
    """The meaning of an average's arithmetic: sums of `count` bytes divided by it."""
    factor = ((1 << 31) - 1) // count + 1
    magnitude = (2 * (np.abs(sums) + count // 2) * factor) >> 32
    return np.where(sums < 0, -magnitude, magnitude)


@lru_cache(maxsize=64)
def pool_vectors(pool: VectorPool, core: Core) -> CodeUnit:
    """`void f(const int8_t *window, int8_t *output, int32_t rows, int32_t columns)`.

    At least one tap and, for averages, at most MOST_TAPS. Averages are rounded, halves away from zero.
    """
    name = pool.name
    prototype = f"void {name}(const int8_t *window, int8_t *output, int32_t rows, int32_t columns)"
    function = AssemblyFunction(name, prototype, core, vectors=True)
    walked = [*constant("r4", pool.channels), multiply("mul", "r4", "r4", "r3"), *constant("r6", pool.row_step)]
    begin = [*walked, alu("sub", "r6", "r6", "r4")]
    if pool.channels % pool.lanes:
        begin += [*constant("r4", pool.channels % pool.lanes), predicate("r4", 8 * BYTES // pool.lanes)]
    if pool.kind == "average":
        begin += [multiply("mul", "r7", "r2", "r3"), shift("lsr", _HALF, "r7", 1), *constant("r9", (1 << 31) - 1)]
        begin.append(raw("udiv r9, r9, r7", Kind.MULTIPLE, ("r9", "r7"), ("r9",)))
        begin += [alu("add", "r9", "r9", 1), splat(_FACTOR, "r9", 32)]
    function.block(begin)
    vectors = -(-pool.channels // pool.lanes)
    passes, rest = divmod(vectors, len(_SUMS))
    # The vector that is not full has a pass of its own text.
    if passes and not rest and pool.channels % pool.lanes:
        passes, rest = passes - 1, len(_SUMS)
    if passes:
        function.block(constant("r10", passes))
        function.label(1)
        _pass(function, pool, len(_SUMS), partial=False, label=2)
        moves = [*advance("r0", len(_SUMS) * pool.lanes), *advance("r1", len(_SUMS) * pool.lanes)]
        function.block([*moves, alu("subs", "r10", "r10", 1), branch("ne.w", "1b")])
    if rest:
        _pass(function, pool, rest, partial=bool(pool.channels % pool.lanes), label=4)
    return function.unit()


def _pass(function: AssemblyFunction, pool: VectorPool, vectors: int, partial: bool, label: int) -> None:
    """The window of some vectors of channels, the last of them `partial`."""
    smallest = "vmov.i8 {}, #128" if pool.kind == "max" else "vmov.i32 {}, #0"
    found = [raw(smallest.format(register), Kind.VECTOR, (), (register,)) for register in _SUMS[:vectors]]
    function.block([*found, mov("r4", "r0"), mov("r5", "r2")])
    function.label(label, align_bytes=1)
    function.block([loop_start("r3")])
    function.label(label + 1)
    taps: list[Instruction] = []
    for index, register in enumerate(_SUMS[:vectors]):
        part = _PARTS[index % len(_PARTS)]
        load = vector_load("vldrb.u8" if pool.kind == "max" else "vldrb.s16", part, "r4", pool.lanes * index, "image")
        taps.append(predicated(load) if partial and index == vectors - 1 else load)
        taps.append(vector("vmax.s8" if pool.kind == "max" else "vadd.i16", register, register, part))
    function.block([*taps, *advance("r4", pool.channels), loop_end(f"{label + 1}b")], loop=True)
    next_row = [alu("add", "r4", "r4", "r6"), alu("subs", "r5", "r5", 1), branch("ne.w", f"{label}b")]
    function.block(next_row)
    end: list[Instruction] = []
    for index, register in enumerate(_SUMS[:vectors]):
        if pool.kind == "average":
            end += _average(register)
        mnemonic = "vstrb.8" if pool.kind == "max" else "vstrb.16"
        store = vector_store(mnemonic, register, "r1", pool.lanes * index, "output")
        end.append(predicated(store) if partial and index == vectors - 1 else store)
    function.block(end)


def _average(total: str) -> list[Instruction]:
    """Eight sums to averages."""
    even, odd, sign = _PARTS
    return [
        vector("vshr.s16", sign, total, 15),
        raw(f"vabs.s16 {total}, {total}", Kind.VECTOR, (total,), (total,)),
        vector("vadd.i16", total, total, _HALF),
        raw(f"vshllb.u16 {even}, {total}, #1", Kind.VECTOR_ROUND, (total,), (even,)),
        raw(f"vshllt.u16 {odd}, {total}, #1", Kind.VECTOR_ROUND, (total,), (odd,)),
        vector_multiply("vmulh.u32", even, even, _FACTOR),
        vector_multiply("vmulh.u32", odd, odd, _FACTOR),
        raw(f"vmovnt.i32 {even}, {odd}", Kind.VECTOR_ROUND, (even, odd), (even,)),
        vector("veor", even, even, sign),
        vector("vsub.i16", total, even, sign),
    ]
