"""The requantized product of two bytes, as LiteRT rounds it: to a whole number, then that to the output's unit.

With P the product of a and b less their zero points, and halves up the first time and away from zero the second, it is
saturate(((2 P * multiplier + 2**31 >> 32) + addend + sign) >> shift). The addend holds the second half and the output's
zero point; the sign is -1 where P is negative. (Where P is negative and is rounded to 0, the -1 changes nothing.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import accumulate, alu, alu_shifted, load_subword, multiply, store
from utvm.microkernels.elementwise.linear import saturate_shifted
from utvm.microkernels.elementwise.loops import Pointers, element_loops
from utvm.model.operator_types import Requantization
from utvm.model.tensor import Array
from utvm.operators.kernel import CodeUnit

# The addend holds the output's zero point at this place at most.
_MOST_SHIFT = 23
_VALUES = (("r8", "r9"), ("r10", "r11"), ("r12", "lr"))
_VALUES_OF_ONE, _ADDENDS_OF_ONE = ("r8", "r9", "r10", "r11"), ("r12", "lr", "r5")


@dataclass(frozen=True)
class ProductForm:
    """The numbers above; `zero_points` are those of the inputs, and the result is limited to `clamp`."""

    multiplier: int
    addend: int
    shift: int
    zero_points: tuple[int, int]
    clamp: tuple[int, int]

    def apply(self, a: Array, b: Array) -> Array:
        """The meaning: int8 of int8 arrays."""
        product = (a.astype(np.int64) - self.zero_points[0]) * (b.astype(np.int64) - self.zero_points[1])
        whole = (2 * product * self.multiplier + (1 << 31)) >> 32
        total = (whole + self.addend + (product >> 63)) >> self.shift
        return np.asarray(np.clip(np.clip(total, -128, 127), *self.clamp), dtype=np.int8)


def product_form(
    requantization: Requantization, zero_points: tuple[int, int], zero_point: int, clamp: tuple[int, int]
) -> ProductForm | None:
    """The form of a scale and the zero points of inputs and output, unless it rounds or shifts otherwise."""
    multiplier, shift = requantization.multipliers[0], -requantization.shifts[0]
    if requantization.rounding != "double" or not 1 <= shift <= _MOST_SHIFT:
        return None
    addend = (1 << (shift - 1)) + zero_point * (1 << shift)
    return ProductForm(multiplier, addend, shift, zero_points, clamp)


@lru_cache(maxsize=64)
def product_unit(shift: int, repeated: bool, core: Core) -> CodeUnit:
    """`void f(const int8_t *a, const int8_t *b, int8_t *output, int32_t count, int32_t zero_a, int32_t zero_b,
    int32_t multiplier, int32_t addend)`, without the clamp. `zero_b` is doubled.

    The output may be one of the inputs. `repeated`: b is one byte for all.
    """
    kind = "s8_s8x1" if repeated else "s8_s8"
    name = f"utvm_product_{kind}_s8_shift{shift}_{TUNINGS[core.name]}"
    prototype = (
        f"void {name}(const int8_t *a, const int8_t *b, int8_t *output, int32_t count,\n"
        f"    int32_t zero_a, int32_t zero_b, int32_t multiplier, int32_t addend)"
    )
    function = AssemblyFunction(name, prototype, core)
    arguments = [function.stack_argument(f"r{register}", register) for register in range(4, 8)]
    if repeated:
        # (a - zero_a) * b is a * b - zero_a * b.
        b = [load_subword("ldrsb", "r1", "r1", 0, "b"), alu_shifted("rsb", "r1", "r5", "r1", "lsl", 1)]
        arguments += [*b, multiply("mul", "r4", "r4", "r1"), alu("rsb", "r4", "r4", 0)]

    def element(index: int) -> list[Instruction]:
        a, b = _VALUES[index % len(_VALUES)]
        if repeated:
            a, b = _VALUES_OF_ONE[index % len(_VALUES_OF_ONE)], _ADDENDS_OF_ONE[index % len(_ADDENDS_OF_ONE)]
        found = [load_subword("ldrsb", a, "r0", index, "a")]
        if repeated:
            found.append(accumulate("mla", a, a, "r1", "r4"))
        else:
            found += [load_subword("ldrsb", b, "r1", index, "b"), alu("sub", a, a, "r4")]
            found += [alu_shifted("rsb", b, "r5", b, "lsl", 1), multiply("mul", a, a, b)]
        found += [alu_shifted("add", b, "r7", a, "asr", 31), accumulate("smmlar", a, a, "r6", b)]
        return [*found, saturate_shifted(a, shift), store("strb", a, "r2", index, "output")]

    pointers = Pointers(("r0", "r2") if repeated else ("r0", "r1", "r2"), "r3")
    element_loops(function, arguments, element, pointers)
    return function.unit()
