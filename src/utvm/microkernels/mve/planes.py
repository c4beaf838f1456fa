"""From NHWC to planes of one channel each, and the weights that match them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from utvm.boards import Core
from utvm.microkernels.assembly import AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch, constant, mov
from utvm.microkernels.assembly.vector_operations import (
    BYTES,
    count_up,
    loop_end,
    loop_start,
    predicate,
    predicated,
    vector_load,
    vector_multiply,
    vector_scatter,
)
from utvm.microkernels.mve.window import Window
from utvm.model.tensor import Array
from utvm.operators.kernel import CodeUnit

CHANNELS = 8
"""Planes at a time: half-words in a vector, which hold where a channel's plane begins."""

MOST_PLANE_BYTES = (1 << 16) // CHANNELS


@dataclass(frozen=True)
class Spread:
    """`channels` (at most 8) of `count` pixels, `steps` (along, across) bytes apart, to records of `record` bytes.

    Steps of 0: the same pixel again and again.
    """

    channels: int
    count: int
    steps: tuple[int, int]
    record: int
    plane_bytes: int

    @property
    def name(self) -> str:
        """utvm_spread_, everything that the text depends on, core."""
        steps = f"s{self.steps[0]}x{self.steps[1]}_r{self.record}_p{self.plane_bytes}"
        return f"utvm_spread_{self.count}x{self.channels}_{steps}_s8_mve"


def spread_unit(spread: Spread, core: Core) -> CodeUnit:
    """`void f(int8_t *planes, const int8_t *x, int32_t rows)`: rows, at least one, go to neighbouring bytes."""
    return _built(spread, core)[0]


def spread_cycles(spread: Spread, core: Core) -> float:
    """Estimated cycles per row."""
    return _built(spread, core)[1]


@lru_cache(maxsize=128)
def _built(spread: Spread, core: Core) -> tuple[CodeUnit, float]:
    name = spread.name
    function = AssemblyFunction(name, f"void {name}(int8_t *planes, const int8_t *x, int32_t rows)", core)
    unroll = next(count for count in (4, 3, 2, 1) if spread.count % count == 0)
    partial = spread.channels < CHANNELS
    begin = [*constant("r4", 0), count_up("q3", "r4", 16), *constant("r6", spread.plane_bytes)]
    begin.append(vector_multiply("vmul.i16", "q3", "q3", "r6"))
    if partial:
        begin += [*constant("r4", spread.channels), predicate("r4", 16)]
    function.block([*begin, *constant("r6", spread.count // unroll)])
    function.label(1)
    function.block([mov("r4", "r1"), mov("r5", "r0"), loop_start("r6")])
    start = function.block_cycles[-1]
    function.label(2)
    found: list[Instruction] = []
    for index in range(unroll):
        register = f"q{index % 3}"
        moved = [vector_load("vldrb.u16", register, "r4", 0, "x")]
        stored = [vector_scatter("vstrb.16", register, "r5", "q3", "planes")]
        if partial:
            moved, stored = [predicated(moved[0])], [predicated(stored[0])]
        found += [*moved, *advance("r4", spread.steps[0]), *stored, *advance("r5", spread.record)]
    function.block([*found, loop_end("2b")], loop=True)
    total = start + spread.count // unroll * function.block_cycles[-1]
    after = [*advance("r1", spread.steps[1]), alu("add", "r0", "r0", 1), alu("subs", "r2", "r2", 1)]
    function.block([*after, branch("ne.w", "1b")])
    return function.unit(), total + function.block_cycles[-1]


def window_weights(window: Window, weights: Array) -> Array:
    """int8 [1 + channels * vectors, BYTES], a vector of zeros first, of weights [channels, along, across]."""
    channels = weights.shape[0]
    found = np.zeros((channels, window.vectors, BYTES), dtype=np.int8)
    for along in range(window.taps[0]):
        index, record = divmod(along, window.records_a_vector)
        start = record * window.record
        found[:, index, start : start + window.taps[1]] = weights[:, along]
    return np.concatenate([np.zeros((1, BYTES), dtype=np.int8), found.reshape(-1, BYTES)])
