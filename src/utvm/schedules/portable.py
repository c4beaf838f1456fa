"""The portable kernel of every operator, as a template: it always applies and is the fallback."""

from __future__ import annotations

import math

from utvm.model.operator_types import Conv2D, FullyConnected, Mean, Pool2D
from utvm.operators import rule_of
from utvm.operators.kernel import AnyKernel
from utvm.operators.overlap import Overlap
from utvm.schedules.schedule import PORTABLE, Schedule
from utvm.schedules.template import Site, Template

# Cycles of the portable loops per multiply-accumulate and per output element.
CYCLES_PER_MAC = 7.0
# Cores without multiplication into 64 bits, and with few registers that multiply.
_SMALL_CORES = ("cortex-m0", "cortex-m0plus")
_SMALL_CORES_FACTOR = 2.0
# Compilers for this computer vectorise loops over multiples of so many input channels.
_VECTORISED_CHANNELS = 16
_VECTORISED_FACTOR = 0.2
CYCLES_PER_ELEMENT = 40.0
CYCLES_PER_POOLED_TAP = 4.0


class Portable(Template):
    """Plain loops from the operator's rule."""

    name = PORTABLE.template

    def refusal(self, site: Site) -> str:
        """Never refuses."""
        del site
        return ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the count of multiply-accumulates, output elements, and what pools and means take in."""
        del schedule
        factor = _SMALL_CORES_FACTOR if site.core.name in _SMALL_CORES else 1.0
        if site.core.name == "host" and isinstance(site.operator, Conv2D | FullyConnected):
            factor = 1.0 if site.inputs[1].shape[-1] % _VECTORISED_CHANNELS else _VECTORISED_FACTOR
        macs = rule_of(site.operator).macs(site.operator, site.inputs, site.outputs)
        per_element = CYCLES_PER_ELEMENT
        if isinstance(site.operator, Pool2D):
            per_element += CYCLES_PER_POOLED_TAP * math.prod(site.operator.window)
        if isinstance(site.operator, Mean):
            per_element += CYCLES_PER_POOLED_TAP * site.inputs[0].element_count / site.outputs[0].element_count
        return factor * (CYCLES_PER_MAC * macs + per_element * sum(tensor.element_count for tensor in site.outputs))

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """What the rule says."""
        del schedule
        return rule_of(site.operator).overlap(site.operator, site.inputs, site.outputs)

    def kernel(self, site: Site, schedule: Schedule) -> AnyKernel:
        """The rule's TIR kernel."""
        del schedule
        return rule_of(site.operator).kernel(site.operator, site.inputs, site.outputs)
