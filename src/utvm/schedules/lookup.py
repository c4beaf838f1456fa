"""Table functions of bytes, eight at a time."""

from __future__ import annotations

import numpy as np

from utvm.microkernels.assembly import supports
from utvm.microkernels.elementwise.lookup import lookup_unit
from utvm.model.operator_types import Lookup
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

# Modelled on the Cortex-M7: cycles per element, and per call.
_ELEMENT_CYCLES = 1.75
_CALL_CYCLES = 50.0


class LookupWords(Template):
    """Every table."""

    name = "lookup_words"

    def refusal(self, site: Site) -> str:
        """Other operators, cores without DSP."""
        if not isinstance(site.operator, Lookup):
            return f"{type(site.operator).__name__} is not a table function"
        if not supports(site.core):
            return f"{site.core.name} has no DSP instructions that code is scheduled for"
        return ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of elements."""
        del schedule
        return site.outputs[0].element_count * _ELEMENT_CYCLES + _CALL_CYCLES

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One call."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Lookup)
        source, output = site.inputs[0], site.outputs[0]
        unit = lookup_unit(site.core)
        count = output.element_count
        return CKernel(
            stem=f"{operator.function}_words",
            body=f"{unit.name}(input, output, {count}, table);",
            types=(f"const {source.dtype}_t", f"{output.dtype}_t", f"const {output.dtype}_t"),
            arguments=(
                KernelArgument("input", "tensor", source.name),
                KernelArgument("output", "tensor", output.name, written=True),
                KernelArgument("table", "constant", data=np.array(operator.table, dtype=operator.output_dtype)),
            ),
            comments=(f"{count} elements, a table entry each",),
            units=(unit,),
            aliased=frozenset({"input", "output"}),
        )
