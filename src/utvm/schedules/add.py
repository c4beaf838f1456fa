"""Sums and differences of two tensors of one shape, by an exact linear form of their bytes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from utvm.microkernels.assembly import supports
from utvm.microkernels.conv.clamp import clamp_bytes, clamp_operands
from utvm.microkernels.elementwise import LinearForm, linear_form, linear_unit
from utvm.microkernels.elementwise.linear import BYTES
from utvm.model.operator_types import Add, Requantization
from utvm.operators import rule_of
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)
# Modelled on the Cortex-M7: cycles per element, more where the range is narrower than int8, and per call.
_ELEMENT_CYCLES = 3.5
_CLAMP_CYCLES = 1.0
_CALL_CYCLES = 40


class AddLinear(Template):
    """Operators whose every pair of bytes one linear form gets right; that is tried at compile time."""

    name = "add_linear"

    def refusal(self, site: Site) -> str:
        """Other operators, shapes that broadcast, sums that no linear form equals, cores without DSP."""
        operator = site.operator
        if not isinstance(operator, Add):
            return f"{type(operator).__name__} is not a sum"
        if not supports(site.core):
            return f"{site.core.name} has no DSP instructions that code is scheduled for"
        first, second = site.inputs
        if first.shape != second.shape:
            return f"shapes {first.shape} and {second.shape} broadcast"
        if _form(_arithmetic(operator)) is None:
            return "no linear form gives the same byte for every pair of bytes"
        return ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of elements."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Add)
        rate = _ELEMENT_CYCLES + (_CLAMP_CYCLES if operator.clamp != _FULL_RANGE else 0)
        return rate * site.outputs[0].element_count + _CALL_CYCLES

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One pass over the elements, and one more to limit them where the range is narrower than int8."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Add)
        form = _form(_arithmetic(operator))
        assert form is not None
        first, second = site.inputs
        output = site.outputs[0]
        unit = linear_unit(form.shift, site.core)
        units = [unit]
        body = [f"{unit.name}(a, b, output, {output.element_count}, {form.p}, {form.q}, {form.constant});"]
        if operator.clamp != _FULL_RANGE:
            clamp = clamp_bytes(site.core)
            units.append(clamp)
            above, below = clamp_operands(operator.clamp)
            body.append(f"{clamp.name}(output, {output.element_count}, {above}U, {below}U);")
        return CKernel(
            stem="subtract_linear" if operator.subtract else "add_linear",
            body="\n".join(body),
            types=("const int8_t", "const int8_t", "int8_t"),
            arguments=(
                KernelArgument("a", "tensor", first.name),
                KernelArgument("b", "tensor", second.name),
                KernelArgument("output", "tensor", output.name, written=True),
            ),
            comments=(
                f"{output.element_count} elements: (p * a + q * b + constant) >> {form.shift}, saturated",
                "equal to the scaled sum for every pair of bytes",
            ),
            units=tuple(units),
            aliased=frozenset({"a", "b", "output"}),
        )


def _arithmetic(operator: Add) -> Add:
    """The operator without names, by which forms are kept."""
    return Add(
        name="",
        inputs=("a", "b"),
        outputs=("y",),
        subtract=operator.subtract,
        left_shift=operator.left_shift,
        input_zero_points=operator.input_zero_points,
        input_requantizations=operator.input_requantizations,
        output_requantization=operator.output_requantization,
        output_zero_point=operator.output_zero_point,
        clamp=operator.clamp,
    )


@lru_cache(maxsize=256)
def _form(operator: Add) -> LinearForm | None:
    grid = BYTES.astype(np.int8)
    first, second = np.meshgrid(grid, grid, indexing="ij")
    (truth,) = rule_of(operator).reference(operator, (first, second))
    scale = _real(operator.output_requantization) * 2.0**operator.left_shift
    p, q = (_real(requantization) * scale for requantization in operator.input_requantizations)
    return linear_form(truth, p, -q if operator.subtract else q, operator.clamp)


def _real(requantization: Requantization) -> float:
    return float(requantization.multipliers[0] * 2.0 ** (requantization.shifts[0] - 31))
