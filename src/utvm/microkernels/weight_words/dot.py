"""The dot products themselves: four taps of four rows a round, one word of weights and two multiplications a tap."""

from __future__ import annotations

from utvm.microkernels.weight_code.thumb import ThumbFunction
from utvm.microkernels.weight_words.stream import TAPS
from utvm.operators.kernel import CodeUnit

_X, _WEIGHTS, _MASK, _SIGNS, _INPUTS, _INPUT, _WORD, _PART = "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"
_TOTALS, _RAW, _HIGHS, _END = ("r8", "r9"), "r10", ("r12", "lr"), "r11"
_VECTOR, _SUMS, _GROUPS, _SECOND_RAW, _HALF = 0, 8, 12, 16, 20


def dot_rows() -> CodeUnit:
    """`void f(const int8_t *x, const int32_t *weights, int32_t *sums, int32_t groups)`: four sums for every group.

    `x` is aligned to words; `weights` as in `stream_of`.
    """
    name = "utvm_dot_rows_v6m"
    prototype = f"void {name}(const int8_t *x, const int32_t *weights, int32_t *sums, int32_t groups)"
    function = ThumbFunction(name, prototype, 8)
    function.constant(_MASK, 0x00FF00FF)
    function.constant(_SIGNS, 0x00800080)
    function.constant(_PART, 0x8000)
    function.store(_PART, "sp", _HALF)
    function.label(1)
    function.emit(f"movs {_PART}, #0")
    function.store(_PART, "sp", _SECOND_RAW)
    for register in (_RAW, *_HIGHS):
        function.emit(f"mov {register}, {_PART}")
    function.label(2)
    _emit_begin(function)
    function.label(3)
    function.load_several(_X, _INPUTS)
    for tap in range(TAPS):
        last = tap + 1 == TAPS
        function.emit(f"mov {_INPUT}, {_INPUTS}" if last else f"sxtb {_INPUT}, {_INPUTS}")
        if not last:
            function.emit(f"asrs {_INPUTS}, {_INPUTS}, #8")
        _emit_tap(function)
    function.emit(f"cmp {_X}, {_END}")
    function.emit("bne 3b", 2)
    _emit_end(function)
    function.emit("b 2b", 2)
    function.label(5)
    _emit_sums(function)
    return function.unit()


def _emit_begin(function: ThumbFunction) -> None:
    """Where the next chunk begins and ends; none at all ends the group."""
    function.load_several(_WEIGHTS, _PART)
    function.emit(f"lsrs {_INPUT}, {_PART}, #16")
    function.emit("beq 5f")
    function.load(_X, "sp", _VECTOR)
    function.emit(f"adds {_INPUT}, {_INPUT}, {_X}")
    function.emit(f"mov {_END}, {_INPUT}")
    function.emit(f"uxth {_PART}, {_PART}")
    function.emit(f"adds {_X}, {_X}, {_PART}")
    function.emit(f"movs {_PART}, #0")
    for total in _TOTALS:
        function.emit(f"mov {total}, {_PART}")


def _emit_tap(function: ThumbFunction) -> None:
    function.load_several(_WEIGHTS, _WORD)
    function.emit(f"mov {_PART}, {_WORD}")
    function.emit(f"ands {_PART}, {_MASK}")
    function.emit(f"subs {_WORD}, {_WORD}, {_PART}")
    function.emit(f"subs {_PART}, {_PART}, {_SIGNS}")
    function.emit(f"asrs {_WORD}, {_WORD}, #8")
    function.emit(f"subs {_WORD}, #128")
    function.emit(f"muls {_PART}, {_INPUT}, {_PART}")
    function.emit(f"add {_TOTALS[0]}, {_PART}")
    function.emit(f"muls {_WORD}, {_INPUT}, {_WORD}")
    function.emit(f"add {_TOTALS[1]}, {_WORD}")


def _emit_end(function: ThumbFunction) -> None:
    """Take both totals apart."""
    function.load(_PART, "sp", _HALF)
    for index, total in enumerate(_TOTALS):
        function.emit(f"mov {_INPUT}, {total}")
        if index:
            function.load(_WORD, "sp", _SECOND_RAW)
            function.emit(f"adds {_WORD}, {_WORD}, {_INPUT}")
            function.store(_WORD, "sp", _SECOND_RAW)
        else:
            function.emit(f"add {_RAW}, {_INPUT}")
        function.emit(f"adds {_INPUT}, {_INPUT}, {_PART}")
        function.emit(f"asrs {_INPUT}, {_INPUT}, #16")
        function.emit(f"add {_HIGHS[index]}, {_INPUT}")


def _emit_sums(function: ThumbFunction) -> None:
    """Store a group's sums; on with the next one."""
    function.load(_X, "sp", _SUMS)
    for index in range(2):
        function.emit(f"mov {_PART}, {_HIGHS[index]}")
        function.emit(f"lsls {_INPUTS}, {_PART}, #16")
        if index:
            function.load(_WORD, "sp", _SECOND_RAW)
        else:
            function.emit(f"mov {_WORD}, {_RAW}")
        function.emit(f"subs {_WORD}, {_WORD}, {_INPUTS}")
        function.emit(f"stmia {_X}!, {{{_WORD}, {_PART}}}", 3)
    function.store(_X, "sp", _SUMS)
    function.load(_PART, "sp", _GROUPS)
    function.emit(f"subs {_PART}, #1")
    function.store(_PART, "sp", _GROUPS)
    function.emit("bne 1b", 2)
