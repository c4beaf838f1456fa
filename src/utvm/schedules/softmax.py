"""Softmax in C for every core: a probability per class, or per value that a class can have where that is less work."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from utvm.model.operator_types import Softmax
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.operators.softmax import OUTPUT_BITS, SUM_INTEGER_BITS, SUM_OF_NOTHING, exponentials
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_VALUES = 256
_UNROLLED = 4
# Modelled on the Cortex-M7: cycles per class to find the largest and the sum, per probability, per class that is looked
# up, and per row.
_CLASS_CYCLES = 10.0
_PROBABILITY_CYCLES = 10.0
_LOOKUP_CYCLES = 3.0
_ROW_CYCLES = 150.0


class SoftmaxShared(Template):
    """Every softmax."""

    name = "softmax_shared"

    def refusal(self, site: Site) -> str:
        """Other operators."""
        return "" if isinstance(site.operator, Softmax) else f"{type(site.operator).__name__} is not a softmax"

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of classes and rows."""
        del schedule
        rows, classes = _extents(site)
        per_row = classes * _CLASS_CYCLES + _probability_cycles(classes, per_value=_per_value(classes)) + _ROW_CYCLES
        return rows * per_row

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Row by row: the largest, the sum, the probabilities."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Softmax)
        rows, classes = _extents(site)
        per_value = _per_value(classes)
        table = np.zeros(_VALUES, dtype=np.int32)
        found = exponentials(operator)
        table[: len(found)] = found
        arguments = [
            KernelArgument("input", "tensor", site.inputs[0].name),
            KernelArgument("output", "tensor", site.outputs[0].name, written=True),
            KernelArgument("exponentials", "constant", data=table),
        ]
        types = ["const int8_t", "int8_t", "const int32_t"]
        if per_value:
            arguments.append(KernelArgument("probabilities", "scratch", size_bytes=_VALUES))
            types.append("int8_t")
        return CKernel(
            stem="softmax_shared",
            body=_body(rows, classes, per_value),
            types=tuple(types),
            arguments=tuple(arguments),
            comments=(
                f"{rows} row(s) of {classes} classes, probabilities per {'value' if per_value else 'class'}",
                "exponentials: of how far a class lies below the largest, fractions of 31 bits",
            ),
            aliased=frozenset({"input", "output"}),
        )


def _extents(site: Site) -> tuple[int, int]:
    shape = site.inputs[0].shape
    return math.prod(shape[:-1]), shape[-1]


def _per_value(classes: int) -> bool:
    """Whether it pays to find the probability of every value first."""
    return _probability_cycles(classes, per_value=True) < _probability_cycles(classes, per_value=False)


def _probability_cycles(classes: int, *, per_value: bool) -> float:
    return _VALUES * _PROBABILITY_CYCLES + classes * _LOOKUP_CYCLES if per_value else classes * _PROBABILITY_CYCLES


def _body(rows: int, classes: int, per_value: bool) -> str:
    places, entry, target, until = (
        (_VALUES, "exponentials[place]", "probabilities[place]", " && probability > -128")
        if per_value
        else (classes, "exponentials[largest - input[place]]", "output[place]", "")
    )
    # Exponentials are not negative, so halves are rounded up.
    half = 1 << (SUM_INTEGER_BITS - 1)
    lines = [
        "int32_t largest = -128, sum = 0, i = 0;",
        *_each(classes, lambda k: [f"largest = input[{k}] > largest ? input[{k}] : largest;"]),
        "i = 0;",
        *_each(
            classes,
            lambda k: [
                f"sum += (int32_t)(((uint32_t)exponentials[largest - input[{k}]] + {half}U) >> {SUM_INTEGER_BITS});"
            ],
        ),
        f"const uint32_t scale = sum < {SUM_OF_NOTHING} ? (uint32_t)utvm_reciprocal(sum) : 0U;",
        f"const int32_t wanted = {SUM_INTEGER_BITS + 31 - OUTPUT_BITS} - utvm_leading_zeros((uint32_t)sum);",
        "const uint32_t shift = wanted < 31 ? (uint32_t)wanted : 31U;",
        "const uint32_t half = 1U << (shift - 1U);",
        "int32_t place = 0, probability = 0;",
        f"for (; place < {places}{until}; ++place) {{",
        f"    const uint64_t product = (uint64_t)(uint32_t){entry} * scale + (1U << 30);",
        "    probability = (int32_t)(((uint32_t)(product >> 31) + half) >> shift) - 128;",
        f"    {target} = (int8_t)(probability < 127 ? probability : 127);",
        "}",
    ]
    if per_value:
        # Further below the largest, probabilities are no larger.
        lines += [
            f"for (; place < {places}; ++place) {{",
            f"    {target} = -128;",
            "}",
            "i = 0;",
            *_each(classes, lambda k: [f"output[{k}] = probabilities[largest - input[{k}]];"]),
        ]
    if rows > 1:
        lines += [f"input += {classes};", f"output += {classes};"]
        lines = [f"for (int32_t row = 0; row < {rows}; ++row) {{", *(f"    {line}" for line in lines), "}"]
    return "\n".join(lines)


def _each(count: int, statements: Callable[[str], list[str]]) -> list[str]:
    """Loops over all places from `i` on, some at a time so that loads overlap, then one by one."""
    lines = []
    if count >= _UNROLLED:
        lines += [f"for (; i < {count - count % _UNROLLED}; i += {_UNROLLED}) {{"]
        for offset in range(_UNROLLED):
            lines += [f"    {line}" for line in statements(f"i + {offset}" if offset else "i")]
        lines.append("}")
    if count % _UNROLLED:
        lines += [f"for (; i < {count}; ++i) {{", *(f"    {line}" for line in statements("i")), "}"]
    return lines
