"""Means over pixels: sums of four channels in a vector, up to four vectors at a time, requantized where they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import AssemblyFunction, Instruction, Kind, raw
from utvm.microkernels.assembly.operations import advance, alu, branch, constant, mov
from utvm.microkernels.assembly.vector_operations import (
    loop_end,
    loop_start,
    predicate,
    predicated,
    vector,
    vector_load,
    vector_store,
)
from utvm.microkernels.mve.packing import LANES
from utvm.microkernels.mve.requantize import Operands, Scaling, requantized
from utvm.operators.kernel import CodeUnit

_SUMS = ("q0", "q1", "q2", "q3")
_LOADED = ("q4", "q5", "q6")
_SPARE = "q7"
_BIAS, _MULTIPLIER, _SHIFT, _LEFT, _ZERO = "r2", "r3", "r5", "r6", "r9"


@dataclass(frozen=True)
class VectorMean:
    """`channels` of `pixels` pixels."""

    pixels: int
    channels: int
    scaling: Scaling
    zero_point: int

    @property
    def name(self) -> str:
        """utvm_mean_, extents, how they are scaled, core."""
        zero = f"z{self.zero_point}".replace("-", "m")
        return f"utvm_mean_{self.pixels}x{self.channels}_{self.scaling.name}_{zero}_s8_mve"


@lru_cache(maxsize=64)
def mean_vectors(mean: VectorMean, core: Core) -> CodeUnit:
    """`void f(const int8_t *x, int8_t *output, int32_t bias, int32_t multiplier, int32_t shift, int32_t left)`."""
    name = mean.name
    prototype = (
        f"void {name}(const int8_t *x, int8_t *output, int32_t bias, int32_t multiplier,\n"
        f"    int32_t shift, int32_t left)"
    )
    function = AssemblyFunction(name, prototype, core, vectors=True)
    begin = [function.stack_argument(_SHIFT, 4), function.stack_argument(_LEFT, 5)]
    begin += [*constant(_ZERO, mean.zero_point), *constant("r8", mean.pixels)]
    left_over = mean.channels % LANES
    if left_over:
        begin += [*constant("r4", left_over), predicate("r4", 32)]
    function.block(begin)
    vectors = -(-mean.channels // LANES)
    passes, rest = divmod(vectors, len(_SUMS))
    # The vector that is not full has a pass of its own text.
    if passes and not rest and left_over:
        passes, rest = passes - 1, len(_SUMS)
    if passes:
        function.block(constant("r10", passes))
        function.label(1)
        _pass(function, mean, len(_SUMS), partial=False, label=2)
        moved = [*advance("r0", len(_SUMS) * LANES), *advance("r1", len(_SUMS) * LANES)]
        function.block([*moved, alu("subs", "r10", "r10", 1), branch("ne.w", "1b")])
    if rest:
        _pass(function, mean, rest, partial=left_over > 0, label=3)
    return function.unit()


def _pass(function: AssemblyFunction, mean: VectorMean, vectors: int, partial: bool, label: int) -> None:
    sums = _SUMS[:vectors]
    zeros = [raw(f"vmov.i32 {register}, #0", Kind.VECTOR, (), (register,)) for register in sums]
    function.block([*zeros, mov("r4", "r0"), loop_start("r8")])
    function.label(label)
    added: list[Instruction] = []
    for index, register in enumerate(sums):
        part = _LOADED[index % len(_LOADED)]
        load = vector_load("vldrb.s32", part, "r4", LANES * index, "x")
        added.append(predicated(load) if partial and index == vectors - 1 else load)
        added.append(vector("vadd.i32", register, register, part))
    function.block([*added, *advance("r4", mean.channels), loop_end(f"{label}b")], loop=True)
    end: list[Instruction] = []
    operands = Operands(_BIAS, _MULTIPLIER, _SHIFT, _ZERO, _LEFT)
    for index, register in enumerate(sums):
        end += requantized(mean.scaling, register, _SPARE, operands)
        store = vector_store("vstrb.32", register, "r1", LANES * index, "output")
        end.append(predicated(store) if partial and index == vectors - 1 else store)
    function.block(end)
