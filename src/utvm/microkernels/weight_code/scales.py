"""The code that makes bytes of two finished sums, and the constants that it reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utvm.microkernels.scaling import SplitScale
from utvm.microkernels.weight_code.thumb import ThumbFunction
from utvm.model.tensor import Array

_PARTS_IN_REGISTERS = 3


def scale_words(scales: Sequence[SplitScale]) -> Array:
    """int32 words of all channels, in the order in which the code reads them."""
    words = [word for scale in scales for word in _words(scale)]
    return np.array(words or [0], dtype=np.int64).astype(np.uint64).astype(np.uint32).view(np.int32)


def _words(scale: SplitScale) -> list[int]:
    signed = [scale.centre, scale.negative] if scale.negative else []
    return [*(scale.limits or ()), *reversed(scale.parts), *signed, scale.offset]


def emit_scaled(function: ThumbFunction, scale: SplitScale, floor: int) -> None:
    """Sums in r0 and r1 become bytes there. r5 reads the constants and goes on.

    r2-r4 and r6 are used, and r7 where there are more than two parts.
    """
    parts = len(scale.parts)
    if scale.limits is not None:
        function.load_several("r5", "r2", "r3")
        for total in ("r0", "r1"):
            for limit, inside in (("r2", "bge"), ("r3", "ble")):
                function.emit(f"cmp {total}, {limit}")
                function.emit(f"{inside} 9f", 2)
                function.emit(f"mov {total}, {limit}", 0)
                function.label(9)
    loaded = ["r2", "r3", "r6"][: parts + (parts < 3 and not scale.negative)]
    if parts <= _PARTS_IN_REGISTERS:
        function.load_several("r5", *loaded)
    for total in ("r0", "r1"):
        if parts <= _PARTS_IN_REGISTERS:
            _emit_product(function, total, parts, scale.drop)
        else:
            _emit_long_product(function, total, parts, scale.drop)
            if total == "r0":
                function.emit(f"subs r5, #{4 * parts}")
    if scale.negative:
        function.load_several("r5", "r2", "r3", "r4")
        for total in ("r0", "r1"):
            function.emit(f"adds {total}, {total}, r2")
            function.emit(f"asrs r6, {total}, #31")
            function.emit("ands r6, r3")
            function.emit(f"adds {total}, {total}, r6")
        offset = "r4"
    elif parts < 3:
        offset = loaded[-1]
    else:
        offset = "r2"
        function.load_several("r5", offset)
    for total in ("r0", "r1"):
        function.emit(f"adds {total}, {total}, {offset}")
        if scale.shift:
            function.emit(f"asrs {total}, {total}, #{scale.shift}")
        _emit_limits(function, total, scale.range, floor, "r6" if scale.negative else "r4")


def _emit_product(function: ThumbFunction, total: str, parts: int, drop: int) -> None:
    if parts == 1:
        function.emit(f"muls {total}, r2, {total}")
        return
    function.emit(f"mov r4, {total}")
    function.emit("muls r4, r2, r4")
    function.emit(f"asrs r4, r4, #{drop}")
    if parts == 3:
        function.emit(f"mov r7, {total}")
        function.emit("muls r7, r3, r7")
        function.emit("adds r4, r4, r7")
        function.emit(f"asrs r4, r4, #{drop}")
    function.emit(f"muls {total}, {'r3' if parts == 2 else 'r6'}, {total}")
    function.emit(f"adds {total}, {total}, r4")


def _emit_long_product(function: ThumbFunction, total: str, parts: int, drop: int) -> None:
    """With more parts than there are registers for."""
    for part in range(parts):
        function.load_several("r5", "r2")
        target = "r4" if part == 0 else "r7"
        function.emit(f"mov {target}, {total}")
        function.emit(f"muls {target}, r2, {target}")
        if part:
            function.emit("adds r4, r4, r7")
        if part + 1 < parts:
            function.emit(f"asrs r4, r4, #{drop}")
    function.emit(f"mov {total}, r4")


def _emit_limits(function: ThumbFunction, total: str, greatest: int, floor: int, spare: str) -> None:
    """0 ... greatest, then counted from 0 again. Three cycles within the limits, six without."""
    function.emit(f"cmp {total}, #{greatest}")
    function.emit("bls 9f", 2)
    for text in (
        f"asrs {total}, {total}, #31",
        f"mvns {total}, {total}",
        f"movs {spare}, #{greatest}",
        f"ands {total}, {spare}",
    ):
        function.emit(text, 0)
    function.label(9)
    if floor:
        function.emit(f"{'adds' if floor > 0 else 'subs'} {total}, #{abs(floor)}")
