"""Sums and differences by an exact linear form in plain C, for cores without DSP instructions."""

from __future__ import annotations

from utvm.microkernels.assembly import supports
from utvm.model.operator_types import Add
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules.add import linear_form_of
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

# Modelled on the Cortex-M0+: cycles per element, and per call.
_ELEMENT_CYCLES = 24.0
_CALL_CYCLES = 40.0


class AddPlain(Template):
    """Tensors of one shape whose every pair of bytes one linear form gets right."""

    name = "add_plain"

    def refusal(self, site: Site) -> str:
        """Other operators, shapes that broadcast, sums that no linear form equals, cores with faster code."""
        operator = site.operator
        if not isinstance(operator, Add):
            return f"{type(operator).__name__} is not a sum"
        if supports(site.core):
            return f"{site.core.name} has faster instructions for it"
        first, second = site.inputs
        if first.shape != second.shape:
            return f"shapes {first.shape} and {second.shape} broadcast"
        if linear_form_of(operator) is None:
            return "no linear form gives the same byte for every pair of bytes"
        return ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of elements."""
        del schedule
        return _ELEMENT_CYCLES * site.outputs[0].element_count + _CALL_CYCLES

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One pass over the elements."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Add)
        form = linear_form_of(operator)
        assert form is not None
        count = site.outputs[0].element_count
        low, high = operator.clamp
        body = f"""\
for (int32_t i = 0; i < {count}; ++i) {{
    const int32_t sum = (a[i] * {form.p} + b[i] * {form.q} + {form.constant}) >> {form.shift};
    output[i] = (int8_t)utvm_clamp(sum, {low}, {high});
}}"""
        return CKernel(
            stem="subtract_plain" if operator.subtract else "add_plain",
            body=body,
            types=("const int8_t", "const int8_t", "int8_t"),
            arguments=(
                KernelArgument("a", "tensor", site.inputs[0].name),
                KernelArgument("b", "tensor", site.inputs[1].name),
                KernelArgument("output", "tensor", site.outputs[0].name, written=True),
            ),
            comments=(f"{count} elements; equal to the scaled sum for every pair of bytes",),
            aliased=frozenset({"a", "b", "output"}),
        )
