"""Scales of a layer's channels in one table of words, and a C function that makes bytes of a row of sums with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utvm.microkernels.scaling.split_product import SplitScale
from utvm.model.fixed_point import INT32_MAX, INT32_MIN
from utvm.model.tensor import Array
from utvm.operators.kernel import CodeUnit


@dataclass(frozen=True)
class ScaleKind:
    """What all channels have: as many parts as the longest factor, limits or signed offsets if any channel has them."""

    parts: int
    limited: bool
    signed: bool

    @staticmethod
    def of(scales: Sequence[SplitScale]) -> ScaleKind:
        """The kind that covers all scales."""
        return ScaleKind(
            max(len(scale.parts) for scale in scales),
            any(scale.limits is not None for scale in scales),
            any(scale.negative for scale in scales),
        )

    @property
    def words(self) -> int:
        """Words of a channel."""
        return 2 * self.limited + self.parts + (self.parts > 1) + 2 * self.signed + 2

    def table(self, scales: Sequence[SplitScale]) -> Array:
        """int32 [channels, words]."""
        rows = []
        for scale in scales:
            row = [*(scale.limits or (INT32_MIN, INT32_MAX))] if self.limited else []
            row += [*([0] * (self.parts - len(scale.parts))), *reversed(scale.parts)]
            row += [scale.drop] if self.parts > 1 else []
            row += [scale.centre, scale.negative] if self.signed else []
            rows.append([*row, scale.offset, scale.shift])
        return np.array(rows, dtype=np.int64).astype(np.int32)

    def unit(self) -> CodeUnit:
        """`void f(const int32_t *sums, int8_t *output, int32_t count, const int32_t *table, int32_t greatest,
        int32_t floor)`: a byte of each sum, the table's rows one after another.
        """
        name = f"utvm_scale_p{self.parts}{'l' * self.limited}{'s' * self.signed}"
        prototype = (
            f"void {name}(const int32_t *sums, int8_t *output, int32_t count, const int32_t *table,\n"
            f"    int32_t greatest, int32_t floor)"
        )
        place = 0

        def word() -> str:
            nonlocal place
            place += 1
            return f"table[{place - 1}]"

        lines = ["int32_t sum = sums[i];"]
        if self.limited:
            lines.append(f"sum = utvm_clamp(sum, {word()}, {word()});")
        parts = [word() for _ in range(self.parts)]
        drop = word() if self.parts > 1 else ""
        lines.append(f"int32_t v = sum * {parts[0]};")
        lines += [f"v = sum * {part} + (v >> {drop});" for part in parts[1:]]
        if self.signed:
            lines += [f"v += {word()};", f"v += (v >> 31) & {word()};"]
        lines.append(f"v = (v + {word()}) >> {word()};")
        lines += ["output[i] = (int8_t)(utvm_clamp(v, 0, greatest) + floor);", f"table += {self.words};"]
        body = "\n".join(f"        {line}" for line in lines)
        text = f"{prototype} {{\n    for (int32_t i = 0; i < count; ++i) {{\n{body}\n    }}\n}}\n"
        return CodeUnit(name, prototype, "c", text)
