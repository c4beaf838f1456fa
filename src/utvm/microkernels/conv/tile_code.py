"""The innermost function of convolutions: 1, 2 or 4 pixels by a pair of channels.

Activations are int16 in a strip, where a window is `rows` runs of `2 * row_words` elements; weights are packed by
`pack_pairs`, behind a record of biases and requantization. Eight instructions multiply two taps of two pixels by two
channels:

    sxtb16 low, both               smlad raw0, x0, both, raw0    (raw: low + 256 * high)
    smlad  raw1, x1, both, raw1    ldr   both, [weights]
    smlad  low0, x0, low, low0     ldr   x0, [strip]
    smlad  low1, x1, low, low1     ldr   x1, [strip]

which the Cortex-M7 issues in four cycles; the scheduler finds that order. With int16 weights (`wide`) a second load
takes the place of the extraction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import (
    accumulate,
    advance,
    alu,
    alu_shifted,
    branch,
    constant,
    extend,
    ldr,
    ldr_pre,
    mov,
    multiply,
    saturate_shifted,
    shift,
    smlad,
    ssat,
    store,
    store_pre,
)
from utvm.microkernels.conv.tile import ConvTile
from utvm.operators.kernel import CodeUnit

# From the weights, which the record precedes.
_RECORD = {"bias": -32, "raw bias": -28, "low": -24, "high": -12}
# The farthest step of an access that also moves its base.
_LONGEST_STEP = 255


def tile_unit(tile: ConvTile, core: Core) -> CodeUnit:
    """`void f(const int16_t *strip, const int32_t *weights, int8_t *output, int32_t tiles)`.

    `weights` is behind the pair's record, `tiles` at least 1. Loads may reach one tile beyond the last.
    """
    return _built(tile, core)[0]


def tile_cycles(tile: ConvTile, core: Core) -> float:
    """Modelled cycles per tile, caches aside."""
    return _built(tile, core)[1]


@lru_cache(maxsize=256)
def _built(tile: ConvTile, core: Core) -> tuple[CodeUnit, float]:
    return _Writer(tile, core).write()


@dataclass(frozen=True)
class _Registers:
    """Which register holds what. `scalars`, three for low and three for high, are free once all taps are multiplied."""

    lows: tuple[str, ...]
    raws: tuple[str, ...]
    x: tuple[str, ...]
    both: str
    low: str
    scalars: tuple[tuple[str, str, str], tuple[str, str, str]]
    output: str
    count: str


_SCALARS = ("r8", "r9", "r10"), ("r11", "r8", "r9")
# With four pixels, the output and all counts live on the stack; with fewer, biases stay in registers.
_REGISTERS = {
    1: _Registers(("r4",), ("r5",), ("r8", "r9"), "r10", "r11", _SCALARS, "r2", "r3"),
    2: _Registers(("r4", "r6"), ("r5", "r7"), ("r8", "r9"), "r10", "r11", _SCALARS, "r2", "r3"),
    4: _Registers(
        ("r4", "r6", "r8", "r10"),
        ("r5", "r7", "r9", "r11"),
        ("r12", "lr"),
        "r2",
        "r3",
        (("r2", "r3", "lr"), ("r2", "r3", "lr")),
        "r12",
        "r3",
    ),
}
_BIAS, _RAW_BIAS = "r12", "lr"
_SLOTS = {"rows": 0, "chunks": 4, "count": 8, "output": 12}
_STACK_BYTES = 16
_STRIP, _WEIGHTS = "r0", "r1"


class _Writer:
    """Writes the function of one tile for one core."""

    def __init__(self, tile: ConvTile, core: Core) -> None:
        self.tile, self.core = tile, core
        self.regs = _REGISTERS[tile.pixels]
        self.spilled = tile.pixels == 4
        parameters = "const int16_t *strip, const int32_t *weights, int8_t *output, int32_t tiles"
        prototype = f"void {tile.name(core)}({parameters})"
        self.function = AssemblyFunction(tile.name(core), prototype, core, _STACK_BYTES)
        # A store can move the output's address on, a load the strip's.
        self.output_moves = 0 < tile.output_advance <= _LONGEST_STEP
        # The Cortex-M4 does not overlap a load with one that moves its base.
        self.strip_moves = tile.unrolled and not self.spilled and 0 < tile.tile_step <= _LONGEST_STEP
        self.strip_moves &= core.name != "cortex-m4"

    def write(self) -> tuple[CodeUnit, float]:
        """The unit and its cycles per tile."""
        begin = advance("r2", -self.tile.output_advance) if self.output_moves else []
        if self.spilled:
            begin += [_spill("r2", "output"), _spill("r3", "count")]
        if begin:
            self.function.block(begin)
        cycles = self._unrolled() if self.tile.unrolled else self._looped()
        return self.function.unit(), cycles

    def _unrolled(self) -> float:
        """One loop; the next tile's first operands are loaded while this one's results are rounded."""
        tile = self.tile
        places = [
            (tile.weight_bytes * (row * tile.row_words + word), row * tile.row_step + 4 * word)
            for row in range(tile.rows)
            for word in range(tile.row_words)
        ]
        if self.spilled:
            begin = self._begin()
            self.function.block(begin)
            self.function.label(1)
            body = [instruction for place in places for instruction in self._tap(*place)]
            body += [*self._finish(), *advance(_STRIP, tile.tile_step), *self._count_down(), *begin]
        else:
            biases = [_record(_BIAS, "bias"), _record(_RAW_BIAS, "raw bias")]
            self.function.block([*biases, *self._loads(*places[0])])
            self.function.label(1)
            body = self._products(_BIAS, _RAW_BIAS)
            for place in places[1:]:
                body += self._tap(*place)
            body += [*self._finish(), *self._next_loads(*places[0]), *self._count_down()]
        self.function.block([*body, branch("ne", "1b")], loop=True)
        return self.function.block_cycles[-1]

    def _next_loads(self, weight_offset: int, strip_offset: int) -> list[Instruction]:
        """The first operands of the next tile, and on to it."""
        found = self._loads(weight_offset, strip_offset)
        if not self.strip_moves:
            return [*advance(_STRIP, self.tile.tile_step), *found]
        # The first pixel's is where the tile begins.
        weights = self._weights(weight_offset)
        moving = ldr_pre(self.regs.x[0], _STRIP, self.tile.tile_step, "strip")
        return [*weights, moving, *found[len(weights) + 1 :]]

    def _looped(self) -> float:
        """A loop over the window's rows, or over parts of each row inside that."""
        tile = self.tile
        words = tile.chunk_words
        chunks = tile.row_words // words
        nested = chunks > 1 and tile.rows > 1
        rounds = tile.rows if chunks == 1 else chunks
        in_register = not self.spilled
        set_count = constant("lr" if in_register else self.regs.low, rounds)
        if not in_register:
            set_count.append(_spill(self.regs.low, "chunks"))
        blocks = self.function.block_cycles
        self.function.label(1, align_bytes=1)
        begin = self._begin()
        if nested:
            begin += [*constant(self.regs.low, tile.rows), _spill(self.regs.low, "rows")]
        self.function.block(begin if nested else [*begin, *set_count])
        if nested:
            self.function.label(3, align_bytes=1)
            self.function.block(set_count)
        self.function.label(2)
        body: list[Instruction] = []
        for word in range(words):
            body += self._tap(tile.weight_bytes * word, 4 * word)
        strip_step = tile.row_step if chunks == 1 else 4 * words
        body += [*advance(_STRIP, strip_step), *advance(_WEIGHTS, tile.weight_bytes * words)]
        body += [alu("subs", "lr", "lr", 1)] if in_register else self._stack_count_down("chunks")
        self.function.block([*body, branch("ne", "2b")], loop=True)
        total = blocks[-1] * rounds * (tile.rows if nested else 1) + blocks[-2]
        if nested:
            row_end = [*advance(_STRIP, tile.row_step - 4 * tile.row_words), *self._stack_count_down("rows")]
            self.function.block([*row_end, branch("ne", "3b")], loop=True)
            total += blocks[-1] * tile.rows
        walked = 4 * tile.row_words if chunks > 1 and not nested else tile.rows * tile.row_step
        end = [*advance(_WEIGHTS, -tile.weight_bytes * tile.rows * tile.row_words), *self._finish()]
        end += advance(_STRIP, tile.tile_step - walked)
        self.function.block([*end, *self._count_down(), branch("ne", "1b")])
        return total + blocks[-1]

    def _begin(self) -> list[Instruction]:
        """Accumulators at their biases."""
        regs = self.regs
        found = [_record(regs.lows[0], "bias"), _record(regs.raws[0], "raw bias")]
        for low, raw in zip(regs.lows[1:], regs.raws[1:], strict=True):
            found += [mov(low, regs.lows[0]), mov(raw, regs.raws[0])]
        return found

    def _loads(self, weight_offset: int, strip_offset: int) -> list[Instruction]:
        offsets = self.tile.pixel_offsets
        found = self._weights(weight_offset)
        for register, offset in zip(self.regs.x, offsets, strict=False):
            found.append(ldr(register, _STRIP, strip_offset + offset, "strip"))
        return found

    def _weights(self, offset: int) -> list[Instruction]:
        """Two taps: of both channels in a word, or of one channel after the other."""
        if not self.tile.wide:
            return [ldr(self.regs.both, _WEIGHTS, offset, "weights")]
        low = ldr(self.regs.low, _WEIGHTS, offset, "weights")
        return [low, ldr(self.regs.both, _WEIGHTS, offset + 4, "weights")]

    def _extraction(self) -> list[Instruction]:
        return [] if self.tile.wide else [extend("sxtb16", self.regs.low, self.regs.both)]

    def _products(self, bias: str = "", raw_bias: str = "") -> list[Instruction]:
        """What two taps add to the accumulators, or to biases for the first taps."""
        regs = self.regs
        pixels = list(zip(regs.x, regs.raws, regs.lows, strict=False))
        found = self._extraction()
        found += [smlad(raw, x, regs.both, raw_bias or raw) for x, raw, _ in pixels]
        return found + [smlad(low, x, regs.low, bias or low) for x, _, low in pixels]

    def _tap(self, weight_offset: int, strip_offset: int) -> list[Instruction]:
        """Two taps of all pixels."""
        if not self.spilled:
            return self._loads(weight_offset, strip_offset) + self._products()
        regs, offsets = self.regs, self.tile.pixel_offsets
        found = self._weights(weight_offset)
        for first in range(0, len(offsets), len(regs.x)):
            pixels = list(zip(regs.x, range(first, first + len(regs.x)), strict=True))
            # Loads side by side, which the M4 overlaps.
            found += [ldr(x, _STRIP, strip_offset + offsets[pixel], "strip") for x, pixel in pixels]
            if first == 0:
                found += self._extraction()
            for x, pixel in pixels:
                found.append(smlad(regs.raws[pixel], x, regs.both, regs.raws[pixel]))
                found.append(smlad(regs.lows[pixel], x, regs.low, regs.lows[pixel]))
        return found

    def _finish(self) -> list[Instruction]:
        """Separate the channels, requantize, store."""
        regs, tile = self.regs, self.tile
        found: list[Instruction] = []
        for low, raw in zip(regs.lows, regs.raws, strict=True):
            if not tile.wide:
                found.append(alu("sub", raw, raw, low))
            if tile.shift is None:
                # Doubled, as SMMULR halves: the high channel is (raw - low) / 256.
                found += [
                    shift("lsl", low, low, 1),
                    shift("lsl", raw, raw, 1) if tile.wide else shift("asr", raw, raw, 7),
                ]
        for values, scalars, at, direction in (
            (regs.lows, regs.scalars[0], "low", "lsl"),
            (regs.raws, regs.scalars[1], "high", "lsl" if tile.wide else "asr"),
        ):
            found += [_record(register, at, index) for index, register in enumerate(scalars)]
            found += self._scale(values, *scalars) if tile.shift is None else _scale_common(values, direction, *scalars)
        if self.spilled:
            found.append(_fill(regs.output, "output"))
        first = tile.output_advance if self.output_moves else 0
        for values, offset in ((regs.lows, 0), (regs.raws, tile.high_offset)):
            for pixel, value in enumerate(values):
                found.append(
                    ssat(value, 8, value) if tile.shift is None else saturate_shifted(value, 8, value, tile.shift)
                )
                if first and values is regs.lows and pixel == 0:
                    found.append(store_pre("strb", value, regs.output, first, "output"))
                else:
                    found.append(store("strb", value, regs.output, pixel * tile.output_step + offset, "output"))
        if not first:
            found += advance(regs.output, tile.output_advance)
        if self.spilled:
            found.append(_spill(regs.output, "output"))
        return found

    def _scale(self, values: tuple[str, ...], multiplier: str, addend: str, amount: str) -> list[Instruction]:
        found: list[Instruction] = []
        for value in values:
            if self.tile.rounding == "floor":
                found.append(accumulate("smmlar", value, value, multiplier, addend))
            else:
                found.append(multiply("smmulr", value, value, multiplier))
                found.append(alu_shifted("add", value, value, value, "asr", 31))
                found.append(alu("add", value, value, addend))
            found.append(shift("asr", value, value, amount))
        return found

    def _count_down(self) -> list[Instruction]:
        if self.spilled:
            return self._stack_count_down("count")
        return [alu("subs", self.regs.count, self.regs.count, 1)]

    def _stack_count_down(self, slot: str) -> list[Instruction]:
        register = self.regs.low
        return [_fill(register, slot), alu("subs", register, register, 1), _spill(register, slot)]


def _scale_common(
    values: tuple[str, ...], direction: str, amount: str, multiplier: str, addend: str
) -> list[Instruction]:
    """Scaled sums with their bits of fraction; the saturation shifts them."""
    found = [shift(direction, value, value, amount) for value in values]
    return found + [accumulate("smmla", value, value, multiplier, addend) for value in values]


def _record(register: str, part: str, index: int = 0) -> Instruction:
    return ldr(register, _WEIGHTS, _RECORD[part] + 4 * index, "record")


def _fill(register: str, slot: str) -> Instruction:
    return ldr(register, "sp", _SLOTS[slot], f"stack {slot}")


def _spill(register: str, slot: str) -> Instruction:
    return store("str", register, "sp", _SLOTS[slot], f"stack {slot}")
