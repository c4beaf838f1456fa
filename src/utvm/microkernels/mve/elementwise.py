"""Two rows of bytes, element by element: exact linear forms (see elementwise/linear.py), and products."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from utvm.boards import Core
from utvm.microkernels.assembly import AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import accumulate, alu, constant, load_subword, shift
from utvm.microkernels.assembly.vector_operations import (
    loop_end,
    next_elements,
    vector,
    vector_load_post,
    vector_multiply,
    vector_multiply_add,
    vector_store_post,
    while_elements,
    while_rounds,
)
from utvm.microkernels.mve.packing import LANES
from utvm.microkernels.mve.requantize import Operands, Scaling, requantized
from utvm.operators.kernel import CodeUnit

_TOP_BYTE = 24
# Vectors of a round, of two kinds of operand each.
_PAIRS = (("q0", "q1"), ("q2", "q3"))
_ROUND_BITS = 3


@lru_cache(maxsize=64)
def linear_vectors(right: int, repeated: bool, core: Core) -> CodeUnit:
    """`void f(const int8_t *a, const int8_t *b, int8_t *output, int32_t count, int32_t p, int32_t q,
    int32_t constant)`: saturate((p * a + q * b + constant) >> right). The output may be one of the inputs.
    `repeated`: b is one byte for all.
    """

    def compute(a: str, b: str) -> list[Instruction]:
        found = [vector_multiply("vmul.i32", a, a, "r4")]
        found += [] if repeated else [vector_multiply_add("vmla.s32", a, b, "r5")]
        found.append(vector("vadd.i32", a, a, "r6"))
        if right >= _TOP_BYTE:
            return [*found, vector("vshr.s32", a, a, right)]
        return [*found, vector("vqshl.s32", a, a, _TOP_BYTE - right), vector("vshr.s32", a, a, _TOP_BYTE)]

    kind = "s8_s8x1" if repeated else "s8_s8"
    begin = [load_subword("ldrsb", "r1", "r1", 0, "b"), accumulate("mla", "r6", "r1", "r5", "r6")] if repeated else []
    name = f"utvm_linear_{kind}_s8_shift{right}_mve"
    return _rows(name, ("p", "q", "constant"), compute, begin, repeated, core)


@lru_cache(maxsize=64)
def product_vectors(
    scaling: Scaling, zero_points: tuple[int, int], output_zero_point: int, repeated: bool, core: Core
) -> CodeUnit:
    """`void f(const int8_t *a, const int8_t *b, int8_t *output, int32_t count, int32_t multiplier, int32_t shift,
    int32_t left)`: the product without zero points, requantized. The output may be one of the inputs.
    `repeated`: b is one byte for all.
    """

    def compute(a: str, b: str) -> list[Instruction]:
        found = [vector("vadd.i32", a, a, "r8")]
        found += [] if repeated else [vector("vadd.i32", b, b, "r9")]
        found.append(vector_multiply("vmul.i32", a, a, "r1" if repeated else b))
        return [*found, *requantized(scaling, a, b, Operands("", "r4", "r5", "r10", "r6"))]

    begin = [*constant("r8", -zero_points[0]), *constant("r9", -zero_points[1]), *constant("r10", output_zero_point)]
    begin += [load_subword("ldrsb", "r1", "r1", 0, "b"), alu("add", "r1", "r1", "r9")] if repeated else []
    kind = "s8_s8x1" if repeated else "s8_s8"
    places = "_".join(f"z{value}".replace("-", "m") for value in (*zero_points, output_zero_point))
    name = f"utvm_product_{kind}_s8_{scaling.name}_{places}_mve"
    return _rows(name, ("multiplier", "shift", "left"), compute, begin, repeated, core)


def _rows(
    name: str,
    parameters: tuple[str, str, str],
    compute: Callable[[str, str], list[Instruction]],
    begin: list[Instruction],
    repeated: bool,
    core: Core,
) -> CodeUnit:
    """r4, r5 and r6 hold the parameters."""
    arguments = ", ".join(f"int32_t {parameter}" for parameter in parameters)
    prototype = f"void {name}(const int8_t *a, const int8_t *b, int8_t *output, int32_t count,\n    {arguments})"
    function = AssemblyFunction(name, prototype, core)

    def elements(pairs: tuple[tuple[str, str], ...]) -> list[Instruction]:
        found: list[Instruction] = []
        for a, b in pairs:
            found.append(vector_load_post("vldrb.s32", a, "r0", LANES, "a"))
            found += [] if repeated else [vector_load_post("vldrb.s32", b, "r1", LANES, "b")]
            found += [*compute(a, b), vector_store_post("vstrb.32", a, "r2", LANES, "output")]
        return found

    loaded = [function.stack_argument(register, 4 + index) for index, register in enumerate(("r4", "r5", "r6"))]
    # Two vectors at a time hide each other's latencies; what is left goes one vector at a time, the last in part.
    halves = [shift("lsr", "r7", "r3", _ROUND_BITS), alu("and", "r3", "r3", (1 << _ROUND_BITS) - 1)]
    function.block([*loaded, *begin, *halves, while_rounds("r7", "2f")])
    function.label(1)
    function.block([*elements(_PAIRS), loop_end("1b")], loop=True)
    function.label(2, align_bytes=1)
    function.block([while_elements("r3", 32, "4f")])
    function.label(3, align_bytes=1)
    function.block([*elements(_PAIRS[:1]), next_elements("3b")], loop=True)
    function.label(4, align_bytes=1)
    return function.unit()
