"""Products of two tensors."""

from __future__ import annotations

from utvm.microkernels.assembly import supports
from utvm.microkernels.elementwise import ProductForm, product_form, product_unit
from utvm.model.operator_types import Mul
from utvm.operators.kernel import CKernel
from utvm.schedules.elementwise import elementwise_kernel, rows_of
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

# Modelled on the Cortex-M7: cycles per element, and where the other operand is one byte for a whole row.
_ELEMENT_CYCLES = 4.75
_REPEATED_CYCLES = 3.0


class MulProduct(Template):
    """Scales below one half, rounded twice."""

    name = "mul_product"

    def refusal(self, site: Site) -> str:
        """Other operators, scales and ways to round, cores without DSP."""
        operator = site.operator
        if not isinstance(operator, Mul):
            return f"{type(operator).__name__} is not a product"
        if not supports(site.core):
            return f"{site.core.name} has no DSP instructions that code is scheduled for"
        if _form(operator) is None:
            return f"{operator.requantization} is not a shift of -23 ... -1, rounded twice"
        return ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of elements and rows."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Mul)
        rows = rows_of(site)
        return rows.cycles(_REPEATED_CYCLES if rows.repeated else _ELEMENT_CYCLES, operator.clamp)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Row by row, and one more pass to limit elements where the range is narrower than int8."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Mul)
        form = _form(operator)
        assert form is not None
        rows = rows_of(site)
        zero_a, zero_b = reversed(form.zero_points) if rows.swapped else form.zero_points
        return elementwise_kernel(
            site,
            "multiply_product",
            product_unit(form.shift, rows.repeated, site.core),
            (zero_a, 2 * zero_b, form.multiplier, form.addend),
            operator.clamp,
            (
                f"{site.outputs[0].element_count} elements: round(round((a - za) * (b - zb) * multiplier / 2**31)",
                f"/ 2**{form.shift}) + zero point, saturated",
            ),
        )


def _form(operator: Mul) -> ProductForm | None:
    return product_form(operator.requantization, operator.input_zero_points, operator.output_zero_point, operator.clamp)
