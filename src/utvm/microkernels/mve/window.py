"""Depthwise convolutions: windows of one channel as dot products of bytes that lie side by side.

Images of eight channels at a time are turned into planes, one per channel: for each position along an axis a record of
`record` bytes, the image's values across. A window is then contiguous (some records, each used in part), so that one
VMLADAV with the weights in matching lanes, and zeros in the others, is a whole 3x3 window. A record holds what several
neighbouring outputs across need, whose windows are the same load with the weights some lanes further on:

    record 5, window 3x3:   lanes    0 1 2 3 4 | 5 6 7 8 9 | 10 11 12 13 14 | 15
    weights of output 0              w w w . . | w w w . . |  w  w  w  .  . |
    weights of output 1              . w w w . | . w w w . |  .  w  w  w  . |

Four outputs along, times those across, are computed at a time, requantized four at a time and scattered to NHWC.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from utvm.boards import Core
from utvm.microkernels.assembly import AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch, constant, ldr, mov, store
from utvm.microkernels.assembly.vector_operations import (
    BYTES,
    count_up,
    dot,
    lane_pair,
    loop_end,
    loop_start,
    predicate,
    predicated,
    vector_load,
    vector_multiply,
    vector_scatter,
)
from utvm.microkernels.mve.packing import LANES
from utvm.microkernels.mve.requantize import Operands, Scaling, requantized
from utvm.model.fixed_point import Int64Array
from utvm.model.tensor import Array
from utvm.operators.kernel import CodeUnit

MOST_ACROSS = 3
"""Outputs that use one load."""

_SUMS = ("r0", "r2", "r4", "r6", "r8", "r10")
_PLANE, _OUTPUT, _ROW = "r1", "r11", "r12"
_BIAS, _MULTIPLIER, _SHIFT, _ZERO, _LEFT = "r3", "r5", "r7", "r9", "r0"
_X, _OFFSETS = "q3", "q7"
# Values are as many as outputs across; weights have what is left.
_VALUES, _WEIGHTS = ("q4", "q5", "q6"), ("q0", "q1", "q2", "q6", "q5")
_MOST_REGISTERS = 6
_SLOTS = ("planes", "weights", "scales", "output", "channels", "left")
_LARGEST_OFFSET = 127


@dataclass(frozen=True)
class Window:
    """`outputs` along (any number) and `across` (at most 3) of each channel of planes.

    `taps` and `strides` are (along, across), as are `output_steps`, in bytes; `plane_step` from a plane to the next, 0
    where the outputs are all of one plane.
    """

    outputs: int
    across: int
    taps: tuple[int, int]
    strides: tuple[int, int]
    output_steps: tuple[int, int]
    plane_step: int
    scaling: Scaling
    zero_point: int

    @property
    def record(self) -> int:
        """Bytes per position along."""
        return (self.across - 1) * self.strides[1] + self.taps[1]

    @property
    def records_a_vector(self) -> int:
        """Whole records in a vector."""
        return BYTES // self.record

    @property
    def vectors(self) -> int:
        """Loads per window."""
        return -(-self.taps[0] // self.records_a_vector)

    @property
    def positions(self) -> int:
        """Records of a plane."""
        return (self.outputs - 1) * self.strides[0] + self.taps[0]

    @property
    def plane_bytes(self) -> int:
        """Of one channel."""
        return self.positions * self.record

    def refusal(self) -> str:
        """Why there is no code; empty if there is."""
        if self.record > BYTES or self.across * (self.vectors + 1) > _MOST_REGISTERS:
            return f"a window of {self.taps} is too large"
        if self._reach > _LARGEST_OFFSET:
            return "windows are too far apart"
        return ""

    @property
    def _reach(self) -> int:
        return (LANES - 1) * self.strides[0] * self.record + (self.vectors - 1) * self.records_a_vector * self.record

    @property
    def name(self) -> str:
        """utvm_window_, everything that the text depends on, core."""
        shape = f"{self.outputs}x{self.across}_k{self.taps[0]}x{self.taps[1]}s{self.strides[0]}x{self.strides[1]}"
        steps = f"o{self.output_steps[0]}x{self.output_steps[1]}_p{self.plane_step}"
        zero = f"z{self.zero_point}".replace("-", "m")
        return f"utvm_window_{shape}_{steps}_{self.scaling.name}_{zero}_s8_mve"


def window_sums(window: Window, plane: Array, weights: Array, channel: int) -> Int64Array:
    """The meaning of the products: [outputs, across] of a plane and all channels' weights as they lie in memory."""
    flat, step = weights.reshape(-1).astype(np.int64), window.strides[0] * window.record
    padded = np.concatenate([plane, np.zeros(BYTES, dtype=plane.dtype)]).astype(np.int64)
    sums = np.zeros((window.outputs, window.across), dtype=np.int64)
    for index in range(window.vectors):
        first = BYTES * (1 + channel * window.vectors + index)
        at = index * window.records_a_vector * window.record
        for across in range(window.across):
            lanes = flat[first - across * window.strides[1] :][:BYTES]
            sums[:, across] += [int(padded[at + output * step :][:BYTES] @ lanes) for output in range(window.outputs)]
    return sums


def window_unit(window: Window, core: Core) -> CodeUnit:
    """`void f(const int8_t *planes, const int8_t *weights, const int32_t *scales, int8_t *output, int32_t channels)`.

    Per channel, at least one: `vectors` vectors of weights (the bytes before the first ones are 0), and a bias,
    multiplier and shift (and left shift).
    """
    return _built(window, core)[0]


def window_cycles(window: Window, core: Core) -> float:
    """Estimated cycles per channel."""
    return _built(window, core)[1]


@lru_cache(maxsize=128)
def _built(window: Window, core: Core) -> tuple[CodeUnit, float]:
    name = window.name
    prototype = (
        f"void {name}(const int8_t *planes, const int8_t *weights, const int32_t *scales, int8_t *output,\n"
        f"    int32_t channels)"
    )
    function = AssemblyFunction(name, prototype, core, 4 * len(_SLOTS), vectors=True)
    entry = [_spill(register, slot) for register, slot in zip(("r0", "r1", "r2", "r3"), _SLOTS, strict=False)]
    channels = [function.stack_argument("r0", 4), _spill("r0", "channels")]
    step = [*constant("r2", 0), count_up(_OFFSETS, "r2", 32), *constant("r4", window.output_steps[0])]
    function.block([*entry, *channels, *step, vector_multiply("vmul.i32", _OFFSETS, _OFFSETS, "r4")])
    lanes_used = min(LANES, window.outputs)
    if lanes_used < LANES:
        function.block([*constant("r4", lanes_used), predicate("r4", 32)])
    blocks, rest = max(1, window.outputs // LANES), window.outputs % LANES if window.outputs > LANES else 0
    function.block(constant(_ZERO, window.zero_point))
    function.label(1)
    function.block([*_begin(window), *constant("r0", blocks), loop_start("r0")])
    start = function.block_cycles[-1]
    function.label(2)
    function.block([*_outputs(window), loop_end("2b")], loop=True)
    total = start + blocks * function.block_cycles[-1]
    if rest:
        back = LANES - rest
        moved = advance(_PLANE, -back * window.strides[0] * window.record)
        function.block([*moved, *advance(_OUTPUT, -back * window.output_steps[0]), *_outputs(window)])
        total += function.block_cycles[-1]
    counted = [_fill("r0", "channels"), alu("subs", "r0", "r0", 1), _spill("r0", "channels"), branch("ne.w", "1b")]
    function.block(counted)
    return function.unit(), total + function.block_cycles[-1]


def _begin(window: Window) -> list[Instruction]:
    """A channel's weights, scales and places; the slots move on to the next."""
    found = [_fill("r2", "weights")]
    for across in range(window.across):
        for index in range(window.vectors):
            register = _WEIGHTS[across * window.vectors + index]
            found.append(vector_load("vldrb.u8", register, "r2", BYTES * index - across * window.strides[1], "weights"))
    found += [*advance("r2", BYTES * window.vectors), _spill("r2", "weights"), _fill("r4", "scales")]
    found += [ldr(register, "r4", 4 * index, "scales") for index, register in enumerate((_BIAS, _MULTIPLIER, _SHIFT))]
    if window.scaling.left:
        found += [ldr("r6", "r4", 12, "scales"), _spill("r6", "left")]
    found += [*advance("r4", 16 if window.scaling.left else 12), _spill("r4", "scales")]
    found += [_fill(_OUTPUT, "output"), alu("add", "r8", _OUTPUT, 1), _spill("r8", "output")]
    found += [_fill(_PLANE, "planes"), mov("r10", _PLANE), *advance("r10", window.plane_step)]
    return [*found, _spill("r10", "planes")]


def _outputs(window: Window) -> list[Instruction]:
    """Four outputs along, all across."""
    found: list[Instruction] = []
    step = window.strides[0] * window.record
    for low in (0, 1):
        for half, position in enumerate((low, low + 2)):
            for index in range(window.vectors):
                offset = position * step + index * window.records_a_vector * window.record
                found.append(vector_load("vldrb.u8", _X, _PLANE, offset, "planes"))
                for across in range(window.across):
                    weights = _WEIGHTS[across * window.vectors + index]
                    found.append(dot(_SUMS[2 * across + half], _X, weights, index > 0))
        found += [
            lane_pair(_VALUES[across], low, _SUMS[2 * across], _SUMS[2 * across + 1]) for across in range(window.across)
        ]
    left = [_fill(_LEFT, "left")] if window.scaling.left else []
    found += left
    operands = Operands(_BIAS, _MULTIPLIER, _SHIFT, _ZERO, _LEFT if left else "")
    for across in range(window.across):
        found += requantized(window.scaling, _VALUES[across], _X, operands)
        row = _OUTPUT if across == 0 else _ROW
        if across == 1:
            found.append(mov(_ROW, _OUTPUT))
        if across:
            found += advance(_ROW, window.output_steps[1])
        scattered = vector_scatter("vstrb.32", _VALUES[across], row, _OFFSETS, "output")
        found.append(predicated(scattered) if window.outputs < LANES else scattered)
    return [*found, *advance(_PLANE, LANES * step), *advance(_OUTPUT, LANES * window.output_steps[0])]


def _fill(register: str, slot: str) -> Instruction:
    return ldr(register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")


def _spill(register: str, slot: str) -> Instruction:
    return store("str", register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")
