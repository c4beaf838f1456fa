"""Table functions of bytes by gathering loads, for cores with MVE (Helium)."""

from __future__ import annotations

import numpy as np

from utvm.microkernels.assembly import has_vectors
from utvm.microkernels.mve.rows import table_bytes
from utvm.model.operator_types import Lookup
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

# Estimated cycles per element, and per call.
_ELEMENT_CYCLES = 1.25
_CALL_CYCLES = 40.0


class LookupVectors(Template):
    """Every table."""

    name = "lookup_mve"

    def refusal(self, site: Site) -> str:
        """See Template."""
        if not isinstance(site.operator, Lookup):
            return f"{type(site.operator).__name__} is not a table function"
        return "" if has_vectors(site.core) else f"{site.core.name} has no MVE"

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
        unit = table_bytes(site.core)
        return CKernel(
            stem=f"{operator.function}_mve",
            body=f"{unit.name}(input, output, {output.element_count}, table);",
            types=(f"const {source.dtype}_t", f"{output.dtype}_t", f"const {output.dtype}_t"),
            arguments=(
                KernelArgument("input", "tensor", source.name),
                KernelArgument("output", "tensor", output.name, written=True),
                KernelArgument("table", "constant", data=np.array(operator.table, dtype=operator.output_dtype)),
            ),
            comments=(f"{output.element_count} elements, a table entry each",),
            units=(unit,),
            aliased=frozenset({"input", "output"}),
        )
