"""One pair of rows of a convolution: columns one after another, all output channels of a column, three at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from utvm.microkernels.scaling import SplitScale
from utvm.microkernels.weight_code.chunks import terms_of
from utvm.microkernels.weight_code.scales import emit_scaled
from utvm.microkernels.weight_code.thumb import ThumbFunction
from utvm.model.tensor import Array
from utvm.operators.kernel import CodeUnit

MOST_CHANNELS = 3
# Where the words of inputs go, by how many channels are computed; then the accumulators.
_WORDS = {3: ("r2", "r3"), 2: ("r2", "r3", "r6"), 1: ("r2", "r3", "r5", "r6")}
_TOTALS = {3: ("r4", "r5", "r6"), 2: ("r4", "r5"), 1: ("r4",)}
_RAW, _HIGH = ("r8", "r9", "r10"), ("r11", "r12", "lr")
_STRIP, _OUTPUT, _COLUMNS, _SCALES, _FIRST_SCALE, _SECOND = 0, 4, 8, 12, 16, 20
_MORE_SLOTS_BYTES = 8


@dataclass(frozen=True)
class Run:
    """Words of the strip one after another: `offset` words behind those of a column, `words` of them."""

    offset: int
    words: int


@dataclass(frozen=True, eq=False)
class PairConvolution:
    """weights: int8 [channels, taps], taps in the order of the runs' words. Steps in bytes."""

    weights: Array
    runs: tuple[Run, ...]
    column_step: int
    second_output: int
    scales: tuple[SplitScale, ...]
    floor: int


def convolution_unit(name: str, convolution: PairConvolution) -> CodeUnit:
    """`void f(const int32_t *strip, int8_t *output, int32_t columns, const int32_t *scales)`, at least one column.

    `strip` is the first column's window, `output` its pixel in the upper of the two rows.
    """
    prototype = f"void {name}(const int32_t *strip, int8_t *output, int32_t columns, const int32_t *scales)"
    return _function(name, prototype, convolution).unit()


def column_cycles(convolution: PairConvolution) -> int:
    """Cycles of a column of both rows, at zero wait."""
    return _function("f", "", convolution).cycles


def _function(name: str, prototype: str, convolution: PairConvolution) -> ThumbFunction:
    function = ThumbFunction(name, prototype, _MORE_SLOTS_BYTES)
    function.store("r3", "sp", _FIRST_SCALE)
    function.constant("r0", convolution.second_output)
    function.store("r0", "sp", _SECOND)
    function.cycles = 0
    function.label(1)
    channels = len(convolution.weights)
    for first in range(0, channels, MOST_CHANNELS):
        _emit_group(function, convolution, range(first, min(first + MOST_CHANNELS, channels)))
    function.load("r0", "sp", _STRIP)
    function.advance("r0", convolution.column_step, "r1")
    function.store("r0", "sp", _STRIP)
    function.load("r0", "sp", _FIRST_SCALE)
    function.store("r0", "sp", _SCALES)
    function.load("r0", "sp", _COLUMNS)
    function.emit("subs r0, #1")
    function.store("r0", "sp", _COLUMNS)
    function.emit("beq 2f")
    # Further than a branch reaches.
    function.emit("bl 1b", 3)
    function.label(2)
    return function


def _emit_group(function: ThumbFunction, convolution: PairConvolution, channels: Sequence[int]) -> None:
    """All taps of up to three channels, then their bytes."""
    count = len(channels)
    totals = _TOTALS[count]
    terms = [terms_of(convolution.weights[channel]) for channel in channels]
    function.load("r0", "sp", _STRIP)
    function.constant("r7", 0x8000)
    for channel in range(count):
        if not terms[channel]:
            function.emit(f"movs {totals[channel]}, #0")
            function.emit(f"mov {_RAW[channel]}, {totals[channel]}")
            function.emit(f"mov {_HIGH[channel]}, {totals[channel]}")
    taken: set[int] = set()
    place, tap = 0, 0
    for run in convolution.runs:
        function.advance("r0", 4 * (run.offset - place), "r1")
        place = run.offset + run.words
        for first in range(0, run.words, len(_WORDS[count])):
            words = _WORDS[count][: run.words - first]
            function.load_several("r0", *words)
            for word in words:
                for channel in range(count):
                    term = terms[channel].get(tap)
                    if term is None:
                        continue
                    function.multiply_add(totals[channel], word, term.weight, "r1", term.begins)
                    if term.ends:
                        raw, high = _RAW[channel], _HIGH[channel]
                        function.take_apart(totals[channel], "r7", raw, high, channel not in taken)
                        taken.add(channel)
                tap += 1
    function.load("r5", "sp", _SCALES)
    for index, channel in enumerate(channels):
        emit_sums(function, _RAW[index], _HIGH[index])
        emit_scaled(function, convolution.scales[channel], convolution.floor)
        function.load("r6", "sp", _OUTPUT)
        function.emit(f"strb r0, [r6, #{index}]", 2)
        function.load("r4", "sp", _SECOND)
        function.emit("adds r6, r6, r4")
        function.emit(f"strb r1, [r6, #{index}]", 2)
    function.store("r5", "sp", _SCALES)
    function.load("r6", "sp", _OUTPUT)
    function.emit(f"adds r6, #{count}")
    function.store("r6", "sp", _OUTPUT)


def emit_sums(function: ThumbFunction, raw: str, high: str) -> None:
    """The sums of the upper and of the lower row in r0 and r1."""
    function.emit(f"mov r1, {high}")
    function.emit("lsls r2, r1, #16")
    function.emit(f"mov r0, {raw}")
    function.emit("subs r0, r0, r2")
