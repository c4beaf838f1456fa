"""Sums, differences and products of two tensors, for cores with MVE (Helium)."""

from __future__ import annotations

from dataclasses import replace

from utvm.microkernels.assembly import has_vectors
from utvm.microkernels.mve.elementwise import linear_vectors, product_vectors
from utvm.microkernels.mve.requantize import scale_vectors, scaling_of
from utvm.microkernels.mve.rows import limit_bytes
from utvm.model.operator_types import Add, Mul
from utvm.operators.kernel import CKernel, CodeUnit
from utvm.schedules.add import linear_form_of
from utvm.schedules.elementwise import elementwise_kernel, rows_of
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)
# Estimated cycles per element.
_SUM_CYCLES = 2.2
_PRODUCT_CYCLES = 3.5


class AddVectors(Template):
    """Sums whose every pair of bytes one linear form gets right; that is tried at compile time."""

    name = "add_mve"

    def refusal(self, site: Site) -> str:
        """See Template."""
        operator = site.operator
        if not isinstance(operator, Add):
            return f"{type(operator).__name__} is not a sum"
        if not has_vectors(site.core):
            return f"{site.core.name} has no MVE"
        return "" if linear_form_of(operator) else "no linear form gives the same byte for every pair of bytes"

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of elements and rows."""
        del schedule
        return rows_of(site).cycles(_SUM_CYCLES, _FULL_RANGE)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Row by row, and one more pass to limit elements where the range is narrower than int8."""
        del schedule
        operator, rows = site.operator, rows_of(site)
        assert isinstance(operator, Add)
        form = linear_form_of(operator)
        assert form is not None
        factors = (form.q, form.p) if rows.swapped else (form.p, form.q)
        stem = "subtract_mve" if operator.subtract else "add_mve"
        meaning = f"(p * a + q * b + constant) >> {form.shift}, saturated: equal for every pair of bytes"
        unit = linear_vectors(form.shift, rows.repeated, site.core)
        return _limited(site, stem, unit, (*factors, form.constant), operator.clamp, meaning)


class MulVectors(Template):
    """Products requantized with two roundings."""

    name = "mul_mve"

    def refusal(self, site: Site) -> str:
        """See Template."""
        operator = site.operator
        if not isinstance(operator, Mul):
            return f"{type(operator).__name__} is not a product"
        if not has_vectors(site.core):
            return f"{site.core.name} has no MVE"
        rounding = operator.requantization.rounding
        return "" if rounding == "double" else f"requantization rounds {rounding}"

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of elements and rows."""
        del schedule
        return rows_of(site).cycles(_PRODUCT_CYCLES, _FULL_RANGE)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Row by row, and one more pass to limit elements where the range is narrower than int8."""
        del schedule
        operator, rows = site.operator, rows_of(site)
        assert isinstance(operator, Mul)
        scaling = scaling_of(operator.requantization, operator.output_zero_point, operator.clamp)
        first, second = operator.input_zero_points
        zero_points = (second, first) if rows.swapped else (first, second)
        unit = product_vectors(scaling, zero_points, operator.output_zero_point, rows.repeated, site.core)
        scales = [int(row[0]) for row in scale_vectors(operator.requantization, scaling, 1)]
        values = (scales[0], scales[1], scales[2] if scaling.left else 0)
        return _limited(site, "multiply_mve", unit, values, operator.clamp, "products of four elements at a time")


def _limited(
    site: Site, stem: str, unit: CodeUnit, values: tuple[int, int, int], clamp: tuple[int, int], meaning: str
) -> CKernel:
    count = site.outputs[0].element_count
    kernel = elementwise_kernel(site, stem, unit, values, _FULL_RANGE, (f"{count} elements", meaning))
    if clamp == _FULL_RANGE:
        return kernel
    limit = limit_bytes(site.core)
    body = f"{kernel.body}\n{limit.name}(output, {count}, {clamp[0]}, {clamp[1]});"
    return replace(kernel, body=body, units=(*kernel.units, limit))
