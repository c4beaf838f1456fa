"""A function of two bytes as saturate((p * a + q * b + constant) >> shift), where integers exist that make it exact.

A quantized sum rounds its scaled inputs, their sum and the result, at some twenty bits below the output's last. The
linear form rounds once, so it is compared with the truth for all 65,536 pairs of bytes, which also bounds the constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction, Kind, Use
from utvm.microkernels.assembly.operations import accumulate, load_subword, store
from utvm.microkernels.elementwise.loops import Pointers, element_loops
from utvm.model.fixed_point import INT32_MAX, INT32_MIN
from utvm.model.tensor import Array
from utvm.operators.kernel import CodeUnit

BYTES = np.arange(-128, 128, dtype=np.int64)

_NONE = -(1 << 62)
_MOST_SHIFT = 31
_SHIFTS_TRIED = 5
# Factors tried around the nearest ones, nearer ones first.
_OFFSETS = sorted(product(range(-3, 4), repeat=2), key=lambda pair: (pair[0] ** 2 + pair[1] ** 2, pair))
_VALUES = (("r7", "r8"), ("r9", "r10"), ("r11", "r12"))
_SINGLE_VALUES = ("r7", "r8", "r9", "r10", "r11", "r12", "lr", "r5")


@dataclass(frozen=True)
class LinearForm:
    """p, q, constant and shift; the shifted sum is saturated to int8, then limited to `clamp`."""

    p: int
    q: int
    constant: int
    shift: int
    clamp: tuple[int, int]

    def apply(self, a: Array, b: Array) -> Array:
        """The meaning: int8 of int8 arrays."""
        total = (self.p * a.astype(np.int64) + self.q * b.astype(np.int64) + self.constant) >> self.shift
        return np.asarray(np.clip(np.clip(total, -128, 127), *self.clamp), dtype=np.int8)


def linear_form(truth: Array, p: float, q: float, clamp: tuple[int, int]) -> LinearForm | None:
    """The form equal to `truth` [a + 128, b + 128] (int8, limited to `clamp`), if there is one near these factors."""
    wanted = truth.astype(np.int64)
    finest = min(_MOST_SHIFT, 31 - int(np.ceil(np.log2(128 * (abs(p) + abs(q)) + 1))))
    for shift in range(finest, max(finest - _SHIFTS_TRIED, 0), -1):
        nearest = round(p * (1 << shift)), round(q * (1 << shift))
        for offset_p, offset_q in _OFFSETS:
            factors = nearest[0] + offset_p, nearest[1] + offset_q
            products = factors[0] * BYTES[:, np.newaxis] + factors[1] * BYTES[np.newaxis, :]
            low, high = _bounds(wanted, products, shift, clamp)
            constant = (low + high) // 2
            ends = (constant, constant + int(products.min()), constant + int(products.max()))
            if min(ends) < INT32_MIN or max(ends) > INT32_MAX:
                break  # as would its neighbours; a coarser form may fit
            if low <= high:
                return LinearForm(*factors, constant, shift, clamp)
    return None


def _bounds(wanted: Array, products: Array, shift: int, clamp: tuple[int, int]) -> tuple[int, int]:
    """The least and the greatest constant that make every pair right; there is none if they are the wrong way round."""
    least, greatest = clamp
    above = (wanted << shift) - products
    below = above + (1 << shift) - 1
    low = int(above[wanted > least].max(initial=_NONE))
    high = int(below[wanted < greatest].min(initial=-_NONE))
    # An output always at its limit bounds one side only.
    if low == _NONE:
        low = high - (1 << shift)
    if high == -_NONE:
        high = low + (1 << shift)
    return low, high


@lru_cache(maxsize=64)
def linear_unit(shift: int, repeated: bool, core: Core) -> CodeUnit:
    """`void f(const int8_t *a, const int8_t *b, int8_t *output, int32_t count, int32_t p, int32_t q,
    int32_t constant)`, without the clamp. The output may be one of the inputs. `repeated`: b is one byte for all.
    """
    kind = "s8_s8x1" if repeated else "s8_s8"
    name = f"utvm_linear_{kind}_s8_shift{shift}_{TUNINGS[core.name]}"
    prototype = (
        f"void {name}(const int8_t *a, const int8_t *b, int8_t *output, int32_t count,\n"
        f"    int32_t p, int32_t q, int32_t constant)"
    )
    function = AssemblyFunction(name, prototype, core)
    arguments = [function.stack_argument(f"r{register}", register) for register in range(4, 7)]
    if repeated:
        arguments += [load_subword("ldrsb", "r1", "r1", 0, "b"), accumulate("mla", "r6", "r1", "r5", "r6")]

    def element(index: int) -> list[Instruction]:
        a, b = (_SINGLE_VALUES[index % len(_SINGLE_VALUES)], "") if repeated else _VALUES[index % len(_VALUES)]
        found = [load_subword("ldrsb", a, "r0", index, "a")]
        if not repeated:
            found.append(load_subword("ldrsb", b, "r1", index, "b"))
        found.append(accumulate("mla", a, a, "r4", "r6"))
        if not repeated:
            found.append(accumulate("mla", a, b, "r5", a))
        return [*found, saturate_shifted(a, shift), store("strb", a, "r2", index, "output")]

    element_loops(function, arguments, element, Pointers(("r0", "r2") if repeated else ("r0", "r1", "r2"), "r3"))
    return function.unit()


def saturate_shifted(register: str, amount: int) -> Instruction:
    """Shift right by 1 ... 31, then saturate to int8."""
    text = f"ssat {register}, #8, {register}, asr #{amount}"
    return Instruction(text, Kind.SATURATE, ((register, Use.EARLY),), (register,), shifts=True)
