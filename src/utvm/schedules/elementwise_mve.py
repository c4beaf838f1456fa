"""Sums, differences and products of two tensors of one shape, for cores with MVE (Helium)."""

from __future__ import annotations

from utvm.microkernels.assembly import has_vectors
from utvm.microkernels.mve.elementwise import linear_vectors, product_vectors
from utvm.microkernels.mve.requantize import scale_vectors, scaling_of
from utvm.microkernels.mve.rows import limit_bytes
from utvm.model.operator_types import Add, Mul
from utvm.operators.kernel import CKernel, CodeUnit, KernelArgument
from utvm.schedules.add import linear_form_of
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)
# Estimated cycles per element, and per call.
_SUM_CYCLES = 2.2
_PRODUCT_CYCLES = 3.5
_CALL_CYCLES = 60


class AddVectors(Template):
    """Sums whose every pair of bytes one linear form gets right; that is tried at compile time."""

    name = "add_mve"

    def refusal(self, site: Site) -> str:
        """See Template."""
        operator = site.operator
        if not isinstance(operator, Add):
            return f"{type(operator).__name__} is not a sum"
        reason = _refusal(site)
        if reason:
            return reason
        return "" if linear_form_of(operator) else "no linear form gives the same byte for every pair of bytes"

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of elements."""
        del schedule
        return _SUM_CYCLES * site.outputs[0].element_count + _CALL_CYCLES

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One pass over the elements, and one more to limit them where the range is narrower than int8."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Add)
        form = linear_form_of(operator)
        assert form is not None
        stem = "subtract_mve" if operator.subtract else "add_mve"
        meaning = f"(p * a + q * b + constant) >> {form.shift}, saturated: equal for every pair of bytes"
        values = (form.p, form.q, form.constant)
        return _kernel(site, stem, linear_vectors(form.shift, site.core), values, operator.clamp, meaning)


class MulVectors(Template):
    """Products of two tensors of one shape, requantized with two roundings."""

    name = "mul_mve"

    def refusal(self, site: Site) -> str:
        """See Template."""
        operator = site.operator
        if not isinstance(operator, Mul):
            return f"{type(operator).__name__} is not a product"
        if operator.requantization.rounding != "double":
            return f"requantization rounds {operator.requantization.rounding}"
        return _refusal(site)

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of elements."""
        del schedule
        return _PRODUCT_CYCLES * site.outputs[0].element_count + _CALL_CYCLES

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One pass over the elements, and one more to limit them where the range is narrower than int8."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Mul)
        scaling = scaling_of(operator.requantization, operator.output_zero_point, operator.clamp)
        unit = product_vectors(scaling, operator.input_zero_points, operator.output_zero_point, site.core)
        scales = [int(row[0]) for row in scale_vectors(operator.requantization, scaling, 1)]
        values = (scales[0], scales[1], scales[2] if scaling.left else 0)
        return _kernel(site, "multiply_mve", unit, values, operator.clamp, "products of four elements at a time")


def _refusal(site: Site) -> str:
    if not has_vectors(site.core):
        return f"{site.core.name} has no MVE"
    first, second = site.inputs
    return f"shapes {first.shape} and {second.shape} broadcast" if first.shape != second.shape else ""


def _kernel(
    site: Site, stem: str, unit: CodeUnit, values: tuple[int, int, int], clamp: tuple[int, int], meaning: str
) -> CKernel:
    first, second = site.inputs
    output = site.outputs[0]
    units = [unit]
    body = [f"{unit.name}(a, b, output, {output.element_count}, {', '.join(str(value) for value in values)});"]
    if clamp != _FULL_RANGE:
        limit = limit_bytes(site.core)
        units.append(limit)
        body.append(f"{limit.name}(output, {output.element_count}, {clamp[0]}, {clamp[1]});")
    return CKernel(
        stem=stem,
        body="\n".join(body),
        types=("const int8_t", "const int8_t", "int8_t"),
        arguments=(
            KernelArgument("a", "tensor", first.name),
            KernelArgument("b", "tensor", second.name),
            KernelArgument("output", "tensor", output.name, written=True),
        ),
        comments=(f"{output.element_count} elements", meaning),
        units=tuple(units),
        aliased=frozenset({"a", "b", "output"}),
    )
