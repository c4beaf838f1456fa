"""Broadcasting two tensors around an elementwise function of rows: which loops there are, and what a row is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from utvm.microkernels.conv.clamp import clamp_bytes, clamp_operands
from utvm.operators.broadcast import merged_axes
from utvm.operators.kernel import CKernel, CodeUnit, KernelArgument
from utvm.schedules.template import Site

_FULL_RANGE = (-128, 127)
# Modelled on the Cortex-M7: cycles of a call, and of limiting an element where the range is narrower than int8.
_ROW_CYCLES = 30
_CLAMP_CYCLES = 1.0


@dataclass(frozen=True)
class Rows:
    """Loops over `outer` extents; in each, `length` elements of the first operand, or of the second if `swapped`,
    with as many of the other, or one of the other for all if `repeated`. Steps of operands are per outer axis."""

    outer: tuple[int, ...]
    steps: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
    length: int
    swapped: bool
    repeated: bool

    @property
    def count(self) -> int:
        """Rows."""
        return math.prod(self.outer)

    def cycles(self, element_cycles: float, clamp: tuple[int, int]) -> float:
        """Of all rows, at so many cycles per element."""
        each = element_cycles + (_CLAMP_CYCLES if clamp != _FULL_RANGE else 0.0)
        return self.count * (self.length * each + _ROW_CYCLES)


def rows_of(site: Site) -> Rows:
    """How a site's two inputs are broadcast."""
    axes = merged_axes(site.inputs[0].shape, site.inputs[1].shape, site.outputs[0].shape)
    shapes = (*axes.operands, axes.output)
    inner = [shape[-1] for shape in shapes]
    swapped = inner[0] < inner[2]
    repeated = swapped or inner[1] < inner[2]
    steps = tuple(_steps(shape) for shape in shapes)
    return Rows(axes.output[:-1], (steps[0], steps[1], steps[2]), inner[2], swapped, repeated)


def _steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Elements from one position of each outer axis to the next; 0 where the operand is repeated."""
    steps, size = [], shape[-1]
    for extent in reversed(shape[:-1]):
        steps.append(size if extent > 1 else 0)
        size *= extent
    return tuple(reversed(steps))


def elementwise_kernel(
    site: Site, stem: str, unit: CodeUnit, scalars: tuple[int, ...], clamp: tuple[int, int], comments: tuple[str, ...]
) -> CKernel:
    """Calls of `unit(first, second, output, count, *scalars)` for every row, and one more pass for the clamp."""
    rows = rows_of(site)
    places = [_place(name, steps) for name, steps in zip(("a", "b", "output"), rows.steps, strict=True)]
    first, second = (places[1], places[0]) if rows.swapped else (places[0], places[1])
    line = f"{unit.name}({first}, {second}, {places[2]}, {rows.length}, {', '.join(map(str, scalars))});"
    body = [f"{'    ' * len(rows.outer)}{line}"]
    for axis, extent in reversed(tuple(enumerate(rows.outer))):
        indent = "    " * axis
        body = [f"{indent}for (int32_t i{axis} = 0; i{axis} < {extent}; ++i{axis}) {{", *body, f"{indent}}}"]
    units = [unit]
    output = site.outputs[0]
    if clamp != _FULL_RANGE:
        units.append(clamp_bytes(site.core))
        above, below = clamp_operands(clamp)
        body.append(f"{units[-1].name}(output, {output.element_count}, {above}U, {below}U);")
    return CKernel(
        stem=stem,
        body="\n".join(body),
        types=("const int8_t", "const int8_t", "int8_t"),
        arguments=(
            KernelArgument("a", "tensor", site.inputs[0].name),
            KernelArgument("b", "tensor", site.inputs[1].name),
            KernelArgument("output", "tensor", output.name, written=True),
        ),
        comments=comments,
        units=tuple(units),
        aliased=frozenset({"a", "b", "output"}),
    )


def _place(name: str, steps: tuple[int, ...]) -> str:
    return " + ".join([name, *(f"{step} * i{axis}" for axis, step in enumerate(steps) if step)])
