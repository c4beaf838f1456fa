"""Dot products of one or two runs of input with four or eight channels at a time, sixteen taps an instruction.

For every sixteen taps, the input's vectors are loaded once and each channel's weights once:

    vldrb x0, [x], #16         vldrb w, [weights], #16
    vldrb x1, [x'], #16        vmladava sum, x0, w     vmladava sum', x1, w      (of each channel)

Sums are in the even core registers, as VMLADAV wants them; addresses and counts are in the odd ones. Two pixels with
four channels are fourteen instructions for 128 multiply-accumulates, the products at full rate and the loads beside
them. Biases are added to four sums at a time, where they are requantized.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from utvm.boards import Core
from utvm.microkernels.assembly import AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import advance, alu, branch, constant, jump, ldr, lesser, mov, store
from utvm.microkernels.assembly.vector_operations import (
    BYTES,
    dot,
    lanes,
    predicate,
    predicated,
    vector_load,
    vector_load_post,
    vector_store,
    vector_store_post,
)
from utvm.microkernels.mve.packing import LANES
from utvm.microkernels.mve.requantize import Operands, Scaling, requantized
from utvm.operators.kernel import CodeUnit

_SUMS = ("r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr")
# The last one counts rounds while there are sums, and is the zero point then.
_WEIGHTS, _OUTPUT, _ROUNDS = "r1", "r3", "r11"
_X = ("r5", "r9")
_COUNT, _SCALES = "r7", "r9"
_SCALE_VECTORS = ("q4", "q5", "q6", "q7")
_WEIGHT_VECTORS = ("q2", "q3")
_SLOTS = ("x", "scales", "output", "last output", "count", "groups")
_FIELD_BYTES = 4 * LANES
# Of a load's or store's offset, exclusively.
_REACH = 128
# Chunks of one straight piece of code, and of one round where there are more.
_MOST_CHUNKS = 20
_CHUNKS_A_ROUND = 8


@dataclass(frozen=True)
class Tile:
    """`runs` of `taps` contiguous bytes, `run_step` bytes apart, `pixel_step` from a pixel to the next.

    `loop` "pixels": for each group of four channels, pairs of pixels (or single ones); there are `output_step` channels
    in all. "groups": one pixel, one group of channels after another, whose outputs are `output_step` apart, and their
    multiplier and shift are the same if `shared`. `channels` may be less than 4 to store fewer. `readable`: bytes
    behind a run may be read.
    """

    loop: Literal["pixels", "groups"]
    pixels: int
    channels: int
    runs: int
    taps: int
    run_step: int
    pixel_step: int
    output_step: int
    scaling: Scaling
    zero_point: int
    readable: bool
    shared: bool = False

    @property
    def width(self) -> int:
        """Channels that weights and scales are packed for."""
        return max(self.channels, LANES)

    @property
    def chunks(self) -> int:
        """Vectors in a run."""
        return -(-self.taps // BYTES)

    @property
    def weights_bytes(self) -> int:
        """Of one group of channels."""
        return self.runs * self.chunks * self.width * BYTES

    @property
    def scales_bytes(self) -> int:
        """Of one group of channels."""
        return self.width // LANES * self.fields * _FIELD_BYTES

    @property
    def fields(self) -> int:
        """Vectors of scales per four channels."""
        return 1 if self.shared else 3 + self.scaling.left

    @property
    def name(self) -> str:
        """utvm_tile_, everything that the text depends on, core."""
        shape = f"{self.pixels}x{self.channels}_k{self.runs}x{self.taps}"
        steps = f"s{self.run_step}_{self.pixel_step}_{self.output_step}"
        zero = f"z{self.zero_point}".replace("-", "m")
        over = "" if self.readable or self.taps % BYTES == 0 else "_exact"
        scaling = self.scaling.name + ("_shared" if self.shared else "")
        return f"utvm_tile_{self.loop}_{shape}_{steps}_{scaling}_{zero}{over}_s8_mve"


def tile_unit(tile: Tile, core: Core) -> CodeUnit:
    """`void f(const int8_t *x, const int8_t *weights, const int32_t *scales, int8_t *output, int32_t count)`.

    `count` pixels, at least `pixels`, or groups of channels, at least one. Of an odd number of pixels the last but one
    is computed twice.
    """
    return _built(tile, core)[0]


def tile_cycles(tile: Tile, core: Core) -> float:
    """Estimated cycles per pair of pixels, pixel or group of channels."""
    return _built(tile, core)[1]


@lru_cache(maxsize=256)
def _built(tile: Tile, core: Core) -> tuple[CodeUnit, float]:
    name = tile.name
    prototype = (
        f"void {name}(const int8_t *x, const int8_t *weights, const int32_t *scales, int8_t *output,\n"
        f"    int32_t count)"
    )
    pixels = tile.loop == "pixels"
    function = AssemblyFunction(name, prototype, core, 4 * len(_SLOTS) if pixels else 0, vectors=True)
    function.block(_begin_pixels(tile, function) if pixels else _begin_groups(tile, function))
    if pixels:
        function.label(3, align_bytes=1)
        function.block(_begin_group(tile))
    function.label(1)
    marks = len(function.block_cycles)
    products = _products(function, tile)
    function.block([*products, *_finish(tile)], loop=True)
    total = sum(function.block_cycles[marks:])
    rounds = _rounds(tile)
    if rounds > 1:
        total += (rounds - 1) * function.block_cycles[marks + 1]
    if pixels:
        _end_group(tile, function)
    return function.unit(), total


def _begin_groups(tile: Tile, function: AssemblyFunction) -> list[Instruction]:
    begin = [mov(_X[0], "r0"), function.stack_argument(_COUNT, 4)]
    kept = _scale_vectors(tile)[1:] if tile.shared else ()
    begin += [
        vector_load("vldrw.u32", register, "r2", _FIELD_BYTES * index, "scales") for index, register in enumerate(kept)
    ]
    begin += [mov(_SCALES, "r2"), *advance(_SCALES, _FIELD_BYTES * len(kept))]
    return [*begin, *_again(tile), *constant(_ROUNDS, tile.zero_point)]


def _begin_pixels(tile: Tile, function: AssemblyFunction) -> list[Instruction]:
    begin = [_spill("r0", "x"), _spill("r2", "scales"), _spill("r3", "output"), function.stack_argument("r4", 4)]
    begin += [alu("sub", "r4", "r4", tile.pixels), _spill("r4", "count")]
    begin += [*constant("r6", -(-tile.output_step // tile.width)), _spill("r6", "groups")]
    if _overlapping(tile):
        begin += [mov("r8", "r3"), *advance("r8", tile.output_step - tile.width), _spill("r8", "last output")]
    return [*begin, *_again(tile), *constant(_ROUNDS, tile.zero_point)]


def _begin_group(tile: Tile) -> list[Instruction]:
    """Scales of a group; pixels from the first one on."""
    found = [_fill(_X[0], "x"), _fill(_OUTPUT, "output"), _fill(_COUNT, "count"), _fill("r2", "scales")]
    found += [
        vector_load("vldrw.u32", register, "r2", _FIELD_BYTES * index, "scales")
        for index, register in enumerate(_scale_vectors(tile))
    ]
    return [*found, *advance("r2", tile.scales_bytes), _spill("r2", "scales")]


def _end_group(tile: Tile, function: AssemblyFunction) -> None:
    """The pixel left over of an odd number, with the one before it; then the next group."""
    if tile.pixels == 2:
        # Of an odd number one is left, and the count is -1.
        function.block([alu("adds", _COUNT, _COUNT, 1), branch("ne.w", "4f")])
        back = [*advance(_X[0], -tile.pixel_step), *advance(_OUTPUT, -tile.output_step)]
        function.block([*back, alu("sub", _COUNT, _COUNT, 1), jump("1b")])
        function.label(4, align_bytes=1)
    found = [_fill(_OUTPUT, "output"), alu("add", _OUTPUT, _OUTPUT, tile.width)]
    if _overlapping(tile):
        found += [_fill("r2", "last output"), lesser(_OUTPUT, "r2")]
    found += [_spill(_OUTPUT, "output"), *advance(_WEIGHTS, tile.weights_bytes), _fill("r4", "groups")]
    function.block([*found, alu("subs", "r4", "r4", 1), _spill("r4", "groups"), branch("ne.w", "3b")])


def _overlapping(tile: Tile) -> bool:
    """Whether the last group of channels overlaps the one before it."""
    return tile.output_step > tile.width and tile.output_step % tile.width != 0


def _fill(register: str, slot: str) -> Instruction:
    return ldr(register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")


def _spill(register: str, slot: str) -> Instruction:
    return store("str", register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")


def _scale_vectors(tile: Tile) -> tuple[str, ...]:
    """Of four channels: bias, multiplier, shift, left shift."""
    return _SCALE_VECTORS[: 3 + tile.scaling.left]


def _partial(tile: Tile) -> bool:
    """Whether the last vector of a run must be loaded in part."""
    return tile.taps % BYTES != 0 and not tile.readable


def _rounds(tile: Tile) -> int:
    """Rounds of a loop over runs (or over chunks, if there is one run); 1 for straight code."""
    if tile.runs * tile.chunks <= _MOST_CHUNKS:
        return 1
    if tile.runs > 1:
        return tile.runs
    return (tile.chunks - int(_partial(tile))) // _CHUNKS_A_ROUND


def _products(function: AssemblyFunction, tile: Tile) -> list[Instruction]:
    """The products of all taps; a loop is added to the function, what is left to do is returned."""
    second = [alu("add", _X[1], _X[0], tile.pixel_step)] if tile.pixels == 2 and tile.pixel_step < 4096 else []
    if tile.pixels == 2 and not second:
        second = [mov(_X[1], _X[0]), *advance(_X[1], tile.pixel_step)]
    rounds = _rounds(tile)
    if rounds == 1:
        return [*second, *_runs(tile, tile.runs, tile.chunks, accumulate=False, partial=_partial(tile))]
    sums = _SUMS[: tile.pixels * tile.width]
    zeros = [instruction for register in sums for instruction in constant(register, 0)]
    function.block([*second, *constant(_ROUNDS, rounds), *zeros])
    counted = [alu("subs", _ROUNDS, _ROUNDS, 1), branch("ne.w", "2b")]
    function.label(2)
    if tile.runs > 1:
        run = _runs(tile, 1, tile.chunks, accumulate=True, partial=_partial(tile))
        function.block([*run, *_skip(tile), *counted], loop=True)
        return []
    function.block([*_runs(tile, 1, _CHUNKS_A_ROUND, accumulate=True, partial=False), *counted], loop=True)
    left = tile.chunks - rounds * _CHUNKS_A_ROUND
    return _runs(tile, 1, left, accumulate=True, partial=_partial(tile)) if left else []


def _runs(tile: Tile, runs: int, chunks: int, accumulate: bool, partial: bool) -> list[Instruction]:
    found: list[Instruction] = []
    for run in range(runs):
        for chunk in range(chunks):
            for pixel in range(tile.pixels):
                load = vector_load_post("vldrb.u8", f"q{pixel}", _X[pixel], BYTES, "x")
                found.append(predicated(load) if partial and chunk == chunks - 1 else load)
            for channel in range(tile.width):
                weights = _WEIGHT_VECTORS[channel % 2]
                if _stays(tile):
                    place = ((run * chunks + chunk) * tile.width + channel) * BYTES
                    found.append(vector_load("vldrb.u8", weights, _WEIGHTS, place, "weights"))
                else:
                    found.append(vector_load_post("vldrb.u8", weights, _WEIGHTS, BYTES, "weights"))
                for pixel in range(tile.pixels):
                    adds = accumulate or run + chunk > 0
                    found.append(dot(_SUMS[pixel * tile.width + channel], f"q{pixel}", weights, adds))
        if run < runs - 1:
            found += _skip(tile)
    return found


def _stays(tile: Tile) -> bool:
    """Whether a group's weights are all in a load's reach, so that their address need not move."""
    return tile.loop == "pixels" and tile.weights_bytes <= _REACH


def _skip(tile: Tile) -> list[Instruction]:
    """From the end of a run to the next one."""
    step = tile.run_step - tile.chunks * BYTES
    return [instruction for pixel in range(tile.pixels) for instruction in advance(_X[pixel], step)]


def _consumed(tile: Tile) -> int:
    """How far the products have moved the input's address."""
    skips = tile.runs if _rounds(tile) > 1 and tile.runs > 1 else tile.runs - 1
    return tile.runs * tile.chunks * BYTES + skips * (tile.run_step - tile.chunks * BYTES)


def _finish(tile: Tile) -> list[Instruction]:
    """Sums to bytes; addresses to where the next round begins."""
    zero = _ROUNDS
    found = constant(zero, tile.zero_point) if _rounds(tile) > 1 else []
    vectors = tile.pixels * tile.width // LANES
    for index in range(vectors):
        value, spare = ("q0", "q1") if index == 0 else ("q2", "q3")
        found += lanes(value, _SUMS[LANES * index : LANES * index + LANES])
        if tile.loop == "groups":
            offset = index * tile.fields * _FIELD_BYTES
            found += [
                vector_load("vldrw.u32", register, _SCALES, offset + _FIELD_BYTES * field, "scales")
                for field, register in enumerate(_SCALE_VECTORS[: tile.fields])
            ]
        bias, multiplier, shift, *left = _scale_vectors(tile)
        found += requantized(tile.scaling, value, spare, Operands(bias, multiplier, shift, zero, *left))
        found += _stored(tile, value, index)
    if tile.loop == "pixels":
        found += [] if _stays(tile) else advance(_WEIGHTS, -tile.weights_bytes)
        found += advance(_X[0], tile.pixels * tile.pixel_step - _consumed(tile))
        return [*found, alu("subs", _COUNT, _COUNT, tile.pixels), branch("ge.w", "1b")]
    found += [*advance(_X[0], -_consumed(tile)), *advance(_SCALES, tile.scales_bytes)]
    return [*found, alu("subs", _COUNT, _COUNT, 1), branch("ne.w", "1b")]


def _stored(tile: Tile, value: str, index: int) -> list[Instruction]:
    """Four bytes, or as many as there are channels; the output's address is moved where it cannot be reached."""
    last = index == tile.pixels * tile.width // LANES - 1
    if tile.loop == "groups":
        moved = advance(_OUTPUT, tile.output_step) if last else []
        return [*_store(tile, value, LANES * index), *moved]
    if tile.output_step < _REACH and tile.channels >= LANES:
        return [vector_store_post("vstrb.32", value, _OUTPUT, tile.output_step, "output")]
    return [*_store(tile, value, 0), *advance(_OUTPUT, tile.output_step)]


def _store(tile: Tile, value: str, offset: int) -> list[Instruction]:
    store = vector_store("vstrb.32", value, _OUTPUT, offset, "output")
    if tile.channels >= LANES:
        return [store]
    # The count's register is free until the next round; the predicate of the loads is set again there.
    return [*constant("r0", tile.channels), predicate("r0", 32), predicated(store), *_again(tile)]


def _again(tile: Tile) -> list[Instruction]:
    return [*constant("r0", tile.taps % BYTES), predicate("r0", 8)] if _partial(tile) else []
