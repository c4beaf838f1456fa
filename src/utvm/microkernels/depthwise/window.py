"""A window of 3, 5 or 7 columns over int16 planes: four outputs of a row at a time.

Word k of a row holds pixels 2k and 2k + 1. With stride 1 the words A, B, C give four outputs of three columns, with
stride 2 the words A to E; w01 and w12 hold two weights of the row each:

    stride 1                                          stride 2
    out0 = A . w01 + B.low * w2                       out0 = A . w01 + B.low * w2
    out1 = A.high * w0 + B . w12                      out1 = B . w01 + C.low * w2
    out2 = B . w01 + C.low * w2                       out2 = C . w01 + D.low * w2
    out3 = B.high * w0 + C . w12                      out3 = D . w01 + E.low * w2

More columns have more such words, w01, w23, ... and w12, w34, ... All weights stay in registers if they fit; otherwise
they are on the stack, and each tile loads them row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction, Kind, Use
from utvm.microkernels.assembly.operations import (
    accumulate,
    advance,
    alu,
    alu_shifted,
    branch,
    constant,
    ldr,
    multiply,
    saturate_shifted,
    shift,
    ssat,
    store,
)
from utvm.microkernels.conv import Rounding
from utvm.operators.kernel import CodeUnit

TILE = 4
"""Outputs at a time."""

# Tiles of a row that are written out one after another; more become a loop, as do any of large windows.
_UNROLLED_TILES = 3
_USUAL_SIZE = (3, 3)
_REACH = 4092

_PLANE = "r0"
_WEIGHTS = ("r4", "r5", "r6", "r7", "r8", "r9")
_ACCUMULATORS = ("r10", "r11", "r2", "r3")
# Words of a plane in turn; then multiplier, addend and shift, and where the output is.
_DATA = ("r12", "lr", "r1")
_SLOTS = (
    "bias",
    "multiplier",
    "addend",
    "shift",
    "output",
    "rows",
    "row end",
    "plane",
    "planes",
    "plane output",
    "records",
    "all rows",
)


@dataclass(frozen=True)
class PlaneWindow:
    """What the code depends on. Steps in bytes; `stride` is along a row.

    `row_step`: between the rows of a window; rows of `outputs` outputs begin `plane_row_step` apart in the plane.
    `plane_step`: from one output channel's plane to the next's. `shift`: what all channels are shifted by, None where
    that is in their records. `size`: rows and columns of the window, of which there are 3, 5 or 7.
    """

    stride: int
    outputs: int
    row_step: int
    plane_row_step: int
    plane_step: int
    output_step: int
    output_row_step: int
    rounding: Rounding
    shift: int | None
    size: tuple[int, int] = _USUAL_SIZE

    def refusal(self) -> str:
        """Why no code can be made; empty if it can."""
        if self.stride not in (1, 2):
            return f"a stride of {self.stride} along a row; there is code for 1 and 2"
        if self._tiles_within_reach < 0:
            far = (TILE - 1) * self.output_step > _REACH
            what = f"outputs are {self.output_step}" if far else f"rows of a plane are {self.row_step}"
            return f"{what} bytes apart, too far for a {'store' if far else 'load'}"
        return ""

    def name(self, core: Core) -> str:
        """utvm_depthwise_, window, types, outputs, stride, steps, rounding, core."""
        return "_".join(
            [
                f"utvm_depthwise_{self.size[0]}x{self.size[1]}_s16_s{self.stride}",
                f"x{self.outputs}",
                f"w{self.row_step}r{self.plane_row_step}p{self.plane_step}",
                f"o{self.output_step}r{self.output_row_step}",
                self.rounding if self.shift is None else f"shift{self.shift}",
                TUNINGS[core.name],
            ]
        )

    @property
    def unrolled_tiles(self) -> int:
        """Whole tiles of a row that can be written out one after another, with a part of one behind them."""
        return min(self._most_unrolled, self._tiles_within_reach)

    @property
    def tiles_a_round(self) -> int:
        """Tiles in a round of the loop over a row that has more."""
        tiles = self.outputs // TILE
        return next(
            count for count in range(min(self._most_unrolled, self.unrolled_tiles + 1), 0, -1) if tiles % count == 0
        )

    @property
    def row_words(self) -> int:
        """Words of two weights per row of the window: half of them begin with its first weight."""
        return self.size[1] - 1

    @property
    def resident(self) -> bool:
        """Whether registers hold all weights."""
        return self.size[0] * self.row_words <= len(_WEIGHTS)

    @property
    def _most_unrolled(self) -> int:
        return _UNROLLED_TILES if self.resident else 1

    @property
    def _tiles_within_reach(self) -> int:
        """How many tiles come before the last one that loads and stores reach; negative if they reach none."""
        outputs = (_REACH // self.output_step - (TILE - 1)) // TILE
        planes = (_REACH - (self.size[0] - 1) * self.row_step) // _tile_bytes(self.stride) - 1
        return min(outputs, planes)


def window_unit(window: PlaneWindow, core: Core) -> CodeUnit:
    """`void f(const int16_t *plane, int8_t *output, const int32_t *records, int32_t planes, int32_t rows)`.

    Channel after channel, at least one: a plane, a record and a byte of every output pixel each; at least one row.
    """
    return _built(window, core)[0]


def window_cycles(window: PlaneWindow, core: Core, rows: int) -> float:
    """Modelled cycles per plane, caches aside."""
    _, per_plane, per_row = _built(window, core)
    return per_plane + rows * per_row


def _tile_bytes(stride: int) -> int:
    return 2 * TILE * stride


@lru_cache(maxsize=256)
def _built(window: PlaneWindow, core: Core) -> tuple[CodeUnit, float, float]:
    return _Writer(window, core).write()


class _Writer:
    """Writes the function of one window for one core."""

    def __init__(self, window: PlaneWindow, core: Core) -> None:
        self.window = window
        name = window.name(core)
        prototype = (
            f"void {name}(const int16_t *plane, int8_t *output, const int32_t *records, int32_t planes,\n"
            f"    int32_t rows)"
        )
        on_stack = 0 if window.resident else window.size[0] * window.row_words
        self.function = AssemblyFunction(name, prototype, core, 4 * (len(_SLOTS) + on_stack))

    def write(self) -> tuple[CodeUnit, float, float]:
        """The unit, its cycles per plane, and per row of outputs."""
        function = self.function
        blocks = function.block_cycles
        entry = (("r0", "plane"), ("r1", "plane output"), ("r2", "records"), ("r3", "planes"))
        spilled = [_spill(register, slot) for register, slot in entry]
        function.block([*spilled, function.stack_argument("r12", 4), _spill("r12", "all rows")])
        function.label(1)
        function.block(self._begin_plane())
        per_plane = blocks[-1]
        function.label(2)
        per_row = self._row()
        function.block(self._end_plane(), loop=True)
        return function.unit(), per_plane + blocks[-1], per_row

    def _begin_plane(self) -> list[Instruction]:
        """Weights into registers or onto the stack, the rest of the record onto the stack."""
        words = self.window.size[0] * self.window.row_words
        rest = ("r2", "r3", "r10", "r11")
        found = [_fill("r12", "records")]
        for first in range(0, words, len(_WEIGHTS)):
            registers = _WEIGHTS[: words - first]
            found.append(_load_multiple("r12", registers))
            if not self.window.resident:
                found += [_spill_weight(register, first + index) for index, register in enumerate(registers)]
        found.append(_load_multiple("r12", rest))
        found += [_spill(register, slot) for register, slot in zip(rest, _SLOTS, strict=False)]
        found += [_spill("r12", "records"), _fill("lr", "all rows"), _spill("lr", "rows")]
        return [*found, _fill("r1", "plane output"), _spill("r1", "output")]

    def _row(self) -> float:
        """All outputs of a row, and on to the next; its cycles."""
        window, function = self.window, self.function
        blocks = function.block_cycles
        tiles, rest = divmod(window.outputs, TILE)
        tile_bytes, tile_output = _tile_bytes(window.stride), TILE * window.output_step
        done, total, walked, walked_output = tiles, 0.0, 0, 0
        if tiles > window.unrolled_tiles:
            a_round = window.tiles_a_round
            done, walked, walked_output = 0, tiles * tile_bytes, tiles * tile_output
            function.block([*constant("r12", walked), alu("add", "r12", "r12", _PLANE), _spill("r12", "row end")])
            total = blocks[-1]
            function.label(3)
            body = self._tiles([TILE] * a_round)
            body += [*advance(_PLANE, a_round * tile_bytes), *_advance_output(a_round * tile_output)]
            body += [_fill("lr", "row end"), alu("subs", "lr", "lr", _PLANE), branch("ne.w", "3b")]
            function.block(body, loop=True)
            total += blocks[-1] * (tiles // a_round)
        body = self._tiles([TILE] * done + [rest] * (rest > 0))
        body += advance(_PLANE, window.plane_row_step - walked)
        body += _advance_output(window.output_row_step - walked_output)
        body += [_fill("lr", "rows"), alu("subs", "lr", "lr", 1), _spill("lr", "rows")]
        function.block([*body, branch("ne.w", "2b")], loop=True)
        return total + blocks[-1]

    def _end_plane(self) -> list[Instruction]:
        found = [_fill(_PLANE, "plane"), *advance(_PLANE, self.window.plane_step), _spill(_PLANE, "plane")]
        found += [_fill("lr", "plane output"), *advance("lr", 1), _spill("lr", "plane output")]
        found += [_fill("r12", "planes"), alu("subs", "r12", "r12", 1), _spill("r12", "planes")]
        return [*found, branch("ne.w", "1b")]

    def _tiles(self, sizes: list[int]) -> list[Instruction]:
        """Tiles of that many outputs each, one beside the other."""
        found: list[Instruction] = []
        data = _DATA
        for index, outputs in enumerate(sizes):
            plane_offset = index * _tile_bytes(self.window.stride)
            found += self._tile(outputs, plane_offset, index * TILE * self.window.output_step, data)
            if self.window.shift is None:
                # The second register holds the output's address longest.
                data = (data[0], data[2], data[1])
        return found

    def _tile(
        self, outputs: int, plane_offset: int, output_offset: int, data: tuple[str, str, str]
    ) -> list[Instruction]:
        """Up to four outputs at those offsets."""
        accumulators = _ACCUMULATORS[:outputs]
        found = [_fill(accumulator, "bias") for accumulator in accumulators]
        found += self._products(accumulators, plane_offset, data)
        if self.window.shift is None:
            output = data[1]
            found += [*self._scale(accumulators, data), _fill(output, "output")]
            saturated = [ssat(value, 8, value) for value in accumulators]
        else:
            multiplier, addend, output = data
            found += [_fill(multiplier, "multiplier"), _fill(addend, "addend"), _fill(output, "output")]
            found += [accumulate("smmla", value, value, multiplier, addend) for value in accumulators]
            saturated = [saturate_shifted(value, 8, value, self.window.shift) for value in accumulators]
        for index, (value, limited) in enumerate(zip(accumulators, saturated, strict=True)):
            offset = output_offset + index * self.window.output_step
            found += [limited, store("strb", value, output, offset, "output")]
        return found

    def _scale(self, values: tuple[str, ...], data: tuple[str, str, str]) -> list[Instruction]:
        """Requantize with the shift of the channel's record."""
        multiplier, addend, amount = data
        found = [_fill(multiplier, "multiplier"), _fill(addend, "addend"), _fill(amount, "shift")]
        for value in values:
            if self.window.rounding == "floor":
                found.append(accumulate("smmlar", value, value, multiplier, addend))
            else:
                found.append(multiply("smmulr", value, value, multiplier))
                found.append(alu_shifted("add", value, value, value, "asr", 31))
                found.append(alu("add", value, value, addend))
        return [*found, *(shift("asr", value, value, amount) for value in values)]

    def _products(
        self, accumulators: tuple[str, ...], plane_offset: int, data: tuple[str, str, str]
    ) -> Iterator[Instruction]:
        """Every word of every row, and what it contributes; registers take the words in turn."""
        window, turn = self.window, 0
        words = self._uses(len(accumulators))
        needed = sorted({pair for uses in words for _, _, pair in uses})
        for row in range(window.size[0]):
            first = row * window.row_words
            weights = _WEIGHTS[first : first + window.row_words] if window.resident else _WEIGHTS
            if not window.resident:
                yield from (_fill_weight(weights[pair], first + pair) for pair in needed)
            for word, uses in enumerate(words):
                register = data[turn % len(data)]
                turn += 1
                offset = plane_offset + row * window.row_step + 4 * word
                yield ldr(register, _PLANE, offset, "planes")
                for mnemonic, index, pair in uses:
                    yield accumulate(mnemonic, accumulators[index], register, weights[pair], accumulators[index])

    def _uses(self, outputs: int) -> list[list[tuple[str, int, int]]]:
        """Per word of a row: (instruction, output, word of weights): w01, w23, ..., then w12, w34, ..."""
        pairs = self.window.row_words // 2
        words: list[list[tuple[str, int, int]]] = [[] for _ in range(outputs * self.window.stride // 2 + pairs + 1)]
        for output in range(outputs):
            first, odd = divmod(output * self.window.stride, 2)
            if odd:
                words[first].append(("smlatb", output, 0))
                for pair in range(pairs):
                    words[first + 1 + pair].append(("smlad", output, pairs + pair))
            else:
                for pair in range(pairs):
                    words[first + pair].append(("smlad", output, pair))
                words[first + pairs].append(("smlabt", output, 2 * pairs - 1))
        return [uses for uses in words if uses]


def _load_multiple(base: str, registers: list[str] | tuple[str, ...]) -> Instruction:
    """Load ascending registers and advance the base behind them."""
    text = f"ldm {base}!, {{{', '.join(registers)}}}"
    return Instruction(text, Kind.MULTIPLE, ((base, Use.EARLY),), (*registers, base), "records", base_update=base)


def _fill(register: str, slot: str) -> Instruction:
    return ldr(register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")


def _spill(register: str, slot: str) -> Instruction:
    return store("str", register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")


def _fill_weight(register: str, word: int) -> Instruction:
    return ldr(register, "sp", 4 * (len(_SLOTS) + word), "stack weights")


def _spill_weight(register: str, word: int) -> Instruction:
    return store("str", register, "sp", 4 * (len(_SLOTS) + word), "stack weights")


def _advance_output(step: int) -> list[Instruction]:
    return [_fill("r12", "output"), *advance("r12", step), _spill("r12", "output")]
