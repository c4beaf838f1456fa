"""Sums and differences of two tensors, by an exact linear form of their bytes."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from utvm.microkernels.assembly import supports
from utvm.microkernels.elementwise import BYTES, LinearForm, linear_form, linear_unit
from utvm.model.operator_types import Add, Requantization
from utvm.operators import rule_of
from utvm.operators.kernel import CKernel
from utvm.schedules.elementwise import elementwise_kernel, rows_of
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

# Modelled on the Cortex-M7: cycles per element, and where the other operand is one byte for a whole row.
_ELEMENT_CYCLES = 3.5
_REPEATED_CYCLES = 2.25


class AddLinear(Template):
    """Operators whose every pair of bytes one linear form gets right; that is tried at compile time."""

    name = "add_linear"

    def refusal(self, site: Site) -> str:
        """Other operators, sums that no linear form equals, cores without DSP."""
        operator = site.operator
        if not isinstance(operator, Add):
            return f"{type(operator).__name__} is not a sum"
        if not supports(site.core):
            return f"{site.core.name} has no DSP instructions that code is scheduled for"
        if linear_form_of(operator) is None:
            return "no linear form gives the same byte for every pair of bytes"
        return ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of elements and rows."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Add)
        rows = rows_of(site)
        return rows.cycles(_REPEATED_CYCLES if rows.repeated else _ELEMENT_CYCLES, operator.clamp)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Row by row, and one more pass to limit elements where the range is narrower than int8."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Add)
        form = linear_form_of(operator)
        assert form is not None
        rows = rows_of(site)
        factors = (form.q, form.p) if rows.swapped else (form.p, form.q)
        return elementwise_kernel(
            site,
            "subtract_linear" if operator.subtract else "add_linear",
            linear_unit(form.shift, rows.repeated, site.core),
            (*factors, form.constant),
            operator.clamp,
            (
                f"{site.outputs[0].element_count} elements: (p * a + q * b + constant) >> {form.shift}, saturated",
                "equal to the scaled sum for every pair of bytes",
            ),
        )


def linear_form_of(operator: Add) -> LinearForm | None:
    """The linear form that equals the operator for every pair of bytes, if one was found."""
    return _form(_arithmetic(operator))


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
