"""A 3x3 window over int16 planes: four outputs of a row at a time, all nine weights in registers.

Word k of a row holds pixels 2k and 2k + 1. With stride 1 the words A, B, C give four outputs, with stride 2 the words
A to E; w01 and w12 hold two weights of the row each:

    stride 1                                          stride 2
    out0 = A . w01 + B.low * w2                       out0 = A . w01 + B.low * w2
    out1 = A.high * w0 + B . w12                      out1 = B . w01 + C.low * w2
    out2 = B . w01 + C.low * w2                       out2 = C . w01 + D.low * w2
    out3 = B.high * w0 + C . w12                      out3 = D . w01 + E.low * w2
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
    shift,
    ssat,
    store,
)
from utvm.microkernels.conv import Rounding
from utvm.operators.kernel import CodeUnit

_ROWS = 3
_TILE = 4
# Tiles of a row that are written out one after another; more become a loop.
_UNROLLED_TILES = 3
_TILES_A_ROUND = (3, 2)
_REACH = 4092

_PLANE, _OUTPUT = "r0", "r1"
_PAIRS = (("r4", "r5"), ("r6", "r7"), ("r8", "r9"))
_ACCUMULATORS = ("r10", "r11", "r2", "r3")
_DATA = ("r12", "lr")
_SLOTS = ("bias", "multiplier", "addend", "shift", "rows", "row end", "plane", "output", "records", "planes")
_STACK_BYTES = 4 * len(_SLOTS)


@dataclass(frozen=True)
class PlaneWindow:
    """What the code depends on. Steps in bytes; `stride` is along a row.

    `row_step`: between the rows of a window; `outputs` by `output_rows` outputs per plane, whose rows begin
    `plane_row_step` apart in the plane. `plane_step`: from one output channel's plane to the next's.
    """

    stride: int
    outputs: int
    output_rows: int
    row_step: int
    plane_row_step: int
    plane_step: int
    output_step: int
    output_row_step: int
    rounding: Rounding

    def refusal(self) -> str:
        """Why no code can be made; empty if it can."""
        if self.stride not in (1, 2):
            return f"a stride of {self.stride} along a row; there is code for 1 and 2"
        if (_ROWS - 1) * self.row_step + _tile_bytes(self.stride) * _UNROLLED_TILES > _REACH:
            return f"rows of a plane are {self.row_step} bytes apart, too far for a load"
        if _TILE * _UNROLLED_TILES * self.output_step > _REACH and self.outputs > _TILE:
            return self._wide_refusal()
        if (_TILE - 1) * self.output_step > _REACH:
            return self._wide_refusal()
        return ""

    def name(self, core: Core) -> str:
        """utvm_depthwise_3x3, types, outputs, stride, steps, rounding, core."""
        return "_".join(
            [
                f"utvm_depthwise_3x3_s16_s{self.stride}",
                f"{self.output_rows}x{self.outputs}",
                f"w{self.row_step}r{self.plane_row_step}p{self.plane_step}",
                f"o{self.output_step}r{self.output_row_step}",
                self.rounding,
                TUNINGS[core.name],
            ]
        )

    def _wide_refusal(self) -> str:
        return f"outputs are {self.output_step} bytes apart, too far for a store"


def window_unit(window: PlaneWindow, core: Core) -> CodeUnit:
    """`void f(const int16_t *planes, int8_t *output, const int32_t *records, int32_t planes_count)`.

    Channel after channel, at least one: a plane, a record and a byte of every output pixel each.
    """
    return _built(window, core)[0]


def window_cycles(window: PlaneWindow, core: Core) -> float:
    """Modelled cycles per plane, caches aside."""
    return _built(window, core)[1]


def _tile_bytes(stride: int) -> int:
    return 2 * _TILE * stride


@lru_cache(maxsize=256)
def _built(window: PlaneWindow, core: Core) -> tuple[CodeUnit, float]:
    return _Writer(window, core).write()


class _Writer:
    """Writes the function of one window for one core."""

    def __init__(self, window: PlaneWindow, core: Core) -> None:
        self.window = window
        name = window.name(core)
        prototype = f"void {name}(const int16_t *planes, int8_t *output, const int32_t *records, int32_t planes_count)"
        self.function = AssemblyFunction(name, prototype, core, _STACK_BYTES)

    def write(self) -> tuple[CodeUnit, float]:
        """The unit and its cycles per plane."""
        window, function = self.window, self.function
        blocks = function.block_cycles
        entry = (("r0", "plane"), ("r1", "output"), ("r2", "records"), ("r3", "planes"))
        function.block([_spill(register, slot) for register, slot in entry])
        function.label(1)
        function.block(self._begin_plane())
        per_plane = blocks[-1]
        function.label(2)
        per_row = self._row()
        function.block(self._end_plane(), loop=True)
        per_plane += blocks[-1] + per_row * window.output_rows
        return function.unit(), per_plane

    def _begin_plane(self) -> list[Instruction]:
        """Weights into registers, the rest of the record onto the stack."""
        weights = [register for pair in _PAIRS for register in pair]
        rest = ("r2", "r3", "r10", "r11")
        found = [_fill("r12", "records"), _load_multiple("r12", weights), _load_multiple("r12", rest)]
        found += [_spill(register, slot) for register, slot in zip(rest, _SLOTS, strict=False)]
        return [*found, _spill("r12", "records"), *constant("lr", self.window.output_rows), _spill("lr", "rows")]

    def _row(self) -> float:
        """All outputs of a row, and on to the next; its cycles."""
        window, function = self.window, self.function
        blocks = function.block_cycles
        tiles, rest = divmod(window.outputs, _TILE)
        tile_bytes, tile_output = _tile_bytes(window.stride), _TILE * window.output_step
        body: list[Instruction] = []
        done, total = 0, 0.0
        if tiles > _UNROLLED_TILES:
            a_round = next((count for count in _TILES_A_ROUND if tiles % count == 0), 1)
            function.block([*_end_of_row(tiles * tile_output), _spill("r12", "row end")])
            begin = blocks[-1]
            function.label(3)
            for tile in range(a_round):
                body += self._tile(_TILE, tile * tile_bytes, tile * tile_output)
            body += [*advance(_PLANE, a_round * tile_bytes), *advance(_OUTPUT, a_round * tile_output)]
            body += [_fill("r12", "row end"), alu("subs", "r12", "r12", _OUTPUT), branch("ne.w", "3b")]
            function.block(body, loop=True)
            total = begin + blocks[-1] * (tiles // a_round)
            body = []
            walked, walked_output = tiles * tile_bytes, tiles * tile_output
        else:
            for tile in range(tiles):
                body += self._tile(_TILE, tile * tile_bytes, tile * tile_output)
            done, walked, walked_output = tiles, 0, 0
        if rest:
            body += self._tile(rest, done * tile_bytes, done * tile_output)
        body += advance(_PLANE, window.plane_row_step - walked)
        body += advance(_OUTPUT, window.output_row_step - walked_output)
        body += [_fill("r12", "rows"), alu("subs", "r12", "r12", 1), _spill("r12", "rows")]
        function.block([*body, branch("ne.w", "2b")], loop=True)
        return total + blocks[-1]

    def _end_plane(self) -> list[Instruction]:
        window = self.window
        found = [_fill(_PLANE, "plane"), *advance(_PLANE, window.plane_step), _spill(_PLANE, "plane")]
        found += [_fill(_OUTPUT, "output"), *advance(_OUTPUT, 1), _spill(_OUTPUT, "output")]
        found += [_fill("r12", "planes"), alu("subs", "r12", "r12", 1), _spill("r12", "planes")]
        return [*found, branch("ne.w", "1b")]

    def _tile(self, outputs: int, plane_offset: int, output_offset: int) -> list[Instruction]:
        """Up to four outputs at those offsets."""
        accumulators = _ACCUMULATORS[:outputs]
        found = [_fill(accumulator, "bias") for accumulator in accumulators]
        found += self._products(accumulators, plane_offset)
        multiplier, addend = _DATA
        found += [_fill(multiplier, "multiplier"), _fill(addend, "addend")]
        for value in accumulators:
            if self.window.rounding == "floor":
                found.append(accumulate("smmlar", value, value, multiplier, addend))
            else:
                found.append(multiply("smmulr", value, value, multiplier))
                found.append(alu_shifted("add", value, value, value, "asr", 31))
                found.append(alu("add", value, value, addend))
        found.append(_fill(multiplier, "shift"))
        found += [shift("asr", value, value, multiplier) for value in accumulators]
        for index, value in enumerate(accumulators):
            found.append(ssat(value, 8, value))
            found.append(store("strb", value, _OUTPUT, output_offset + index * self.window.output_step, "output"))
        return found

    def _products(self, accumulators: tuple[str, ...], plane_offset: int) -> Iterator[Instruction]:
        """Every word of every row, and what it contributes; two registers take the words in turn."""
        turn = 0
        for row in range(_ROWS):
            w01, w12 = _PAIRS[row]
            for word, uses in enumerate(self._uses(len(accumulators))):
                data = _DATA[turn % 2]
                turn += 1
                offset = plane_offset + row * self.window.row_step + 4 * word
                yield ldr(data, _PLANE, offset, "planes")
                for mnemonic, index, pair in uses:
                    weights = w01 if pair == "w01" else w12
                    yield accumulate(mnemonic, accumulators[index], data, weights, accumulators[index])

    def _uses(self, outputs: int) -> list[list[tuple[str, int, str]]]:
        """Per word of a row: (instruction, output, weights)."""
        words: list[list[tuple[str, int, str]]] = [[] for _ in range(outputs * self.window.stride // 2 + 2)]
        for output in range(outputs):
            first, odd = divmod(output * self.window.stride, 2)
            if odd:
                words[first].append(("smlatb", output, "w01"))
                words[first + 1].append(("smlad", output, "w12"))
            else:
                words[first].append(("smlad", output, "w01"))
                words[first + 1].append(("smlabt", output, "w12"))
        return [uses for uses in words if uses]


def _end_of_row(output_bytes: int) -> list[Instruction]:
    """r12 = where the output is when the row's whole tiles are done."""
    return [*constant("r12", output_bytes), alu("add", "r12", "r12", _OUTPUT)]


def _load_multiple(base: str, registers: list[str] | tuple[str, ...]) -> Instruction:
    """Load ascending registers and advance the base behind them."""
    text = f"ldm {base}!, {{{', '.join(registers)}}}"
    return Instruction(text, Kind.MULTIPLE, ((base, Use.EARLY),), (*registers, base), "records", base_update=base)


def _fill(register: str, slot: str) -> Instruction:
    return ldr(register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")


def _spill(register: str, slot: str) -> Instruction:
    return store("str", register, "sp", 4 * _SLOTS.index(slot), f"stack {slot}")
