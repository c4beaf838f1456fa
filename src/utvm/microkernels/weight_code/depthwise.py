"""One pair of rows of a depthwise convolution: columns one after another, all channels of a column."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.microkernels.scaling import SplitScale
from utvm.microkernels.weight_code.chunks import terms_of
from utvm.microkernels.weight_code.convolution import emit_sums
from utvm.microkernels.weight_code.scales import emit_scaled
from utvm.microkernels.weight_code.thumb import ThumbFunction
from utvm.model.tensor import Array
from utvm.operators.kernel import CodeUnit

_RAW, _HIGH, _BASE, _ROW_STEP, _PIXEL_STEP = "r8", "r9", "r10", "r11", "r12"
_STRIP, _OUTPUT, _COLUMNS, _SCALES, _FIRST_SCALE, _SECOND = 0, 4, 8, 12, 16, 20
_MORE_SLOTS_BYTES = 8
MOST_WIDTH = 3
_WORD_BYTES = 4


@dataclass(frozen=True, eq=False)
class PairDepthwise:
    """weights: int8 [height, width, channels], `width` at most MOST_WIDTH. Steps in bytes.

    Output channel o takes input channel o // multiplier.
    """

    weights: Array
    multiplier: int
    row_step: int
    pixel_step: int
    column_step: int
    second_output: int
    scales: tuple[SplitScale, ...]
    floor: int


def depthwise_unit(name: str, depthwise: PairDepthwise) -> CodeUnit:
    """`void f(const int32_t *strip, int8_t *output, int32_t columns, const int32_t *scales)`, at least one column.

    `strip` is the first column's window, `output` its pixel in the upper of the two rows.
    """
    prototype = f"void {name}(const int32_t *strip, int8_t *output, int32_t columns, const int32_t *scales)"
    return _function(name, prototype, depthwise).unit()


def depthwise_column_cycles(depthwise: PairDepthwise) -> int:
    """Cycles of a column of both rows, at zero wait."""
    return _function("f", "", depthwise).cycles


def _function(name: str, prototype: str, depthwise: PairDepthwise) -> ThumbFunction:
    function = ThumbFunction(name, prototype, _MORE_SLOTS_BYTES)
    function.store("r3", "sp", _FIRST_SCALE)
    for value, register in ((depthwise.row_step, _ROW_STEP), (depthwise.pixel_step, _PIXEL_STEP)):
        function.constant("r0", value)
        function.emit(f"mov {register}, r0")
    function.constant("r0", depthwise.second_output)
    function.store("r0", "sp", _SECOND)
    function.constant("r7", 0x8000)
    function.cycles = 0
    function.label(1)
    function.load("r0", "sp", _STRIP)
    function.emit(f"mov {_BASE}, r0")
    function.load("r5", "sp", _SCALES)
    for channel in range(depthwise.weights.shape[2]):
        _emit_channel(function, depthwise, channel)
    function.load("r0", "sp", _STRIP)
    function.advance("r0", depthwise.column_step, "r1")
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


def _emit_channel(function: ThumbFunction, depthwise: PairDepthwise, channel: int) -> None:
    height, width, _ = depthwise.weights.shape
    terms = terms_of(depthwise.weights[:, :, channel].reshape(-1))
    function.emit(f"mov r0, {_BASE}")
    function.emit(f"mov r1, {_PIXEL_STEP}")
    function.emit("adds r2, r1, r1")
    if not terms:
        function.emit("movs r6, #0")
        function.emit(f"mov {_RAW}, r6")
        function.emit(f"mov {_HIGH}, r6")
    taken = False
    places: list[int | str] = [0, "r1", "r2"]
    for row in range(height):
        for column in range(width):
            term = terms.get(row * width + column)
            if term is None:
                continue
            function.load("r4", "r0", places[column])
            function.multiply_add("r6", "r4", term.weight, "r3", term.begins)
            if term.ends:
                function.take_apart("r6", "r7", _RAW, _HIGH, not taken)
                taken = True
        if row + 1 < height:
            function.emit(f"add r0, {_ROW_STEP}")
    emit_sums(function, _RAW, _HIGH)
    scale = depthwise.scales[channel]
    emit_scaled(function, scale, depthwise.floor)
    if len(scale.parts) > 2:
        function.constant("r7", 0x8000)
    function.load("r6", "sp", _OUTPUT)
    function.emit("strb r0, [r6]", 2)
    function.load("r4", "sp", _SECOND)
    function.emit("strb r1, [r6, r4]", 2)
    function.emit("adds r6, #1")
    function.store("r6", "sp", _OUTPUT)
    if (channel + 1) % depthwise.multiplier == 0:
        function.emit(f"mov r0, {_BASE}")
        function.emit(f"adds r0, #{_WORD_BYTES}")
        function.emit(f"mov {_BASE}, r0")
