"""Sums and softmax: arm_elementwise_add_s8 and arm_softmax_s8."""

from __future__ import annotations

from dataclasses import replace

from utvm.libraries.ready_made.cmsis_nn.calls import call_kernel, core_refusal
from utvm.model import operator_types
from utvm.operators.kernel import CKernel
from utvm.schedules import Schedule, Site, Template

_SUM, _EXPONENTIAL = 60.0, 250.0
_LEFT_SHIFT = 20
# As many exponentials cannot add up to what LiteRT calls an error.
_MOST_CLASSES = 511


class Add(Template):
    """Sums of two tensors of one shape."""

    name = "elementwise_add_s8"

    def refusal(self, site: Site) -> str:
        """Other operators, differences, broadcasting, other scales than LiteRT's."""
        operator = site.operator
        if not isinstance(operator, operator_types.Add) or operator.subtract:
            return "not an Add"
        if site.inputs[0].shape != site.inputs[1].shape:
            return "inputs of different shapes"
        scales = (*operator.input_requantizations, operator.output_requantization)
        if operator.left_shift != _LEFT_SHIFT or any(scale.rounding != "double" for scale in scales):
            return f"not shifted by {_LEFT_SHIFT}, or not rounded twice"
        return core_refusal(site.core)

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By elements."""
        del schedule
        return _SUM * site.outputs[0].element_count

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One call."""
        del schedule
        operator = site.operator
        assert isinstance(operator, operator_types.Add)
        numbers: list[int] = []
        for zero_point, scale in zip(operator.input_zero_points, operator.input_requantizations, strict=True):
            numbers += [-zero_point, scale.multipliers[0], scale.shifts[0]]
        out = operator.output_requantization
        arguments = (
            "input",
            "input1",
            *map(str, numbers),
            str(operator.left_shift),
            "output",
            *map(str, (operator.output_zero_point, out.multipliers[0], out.shifts[0], *operator.clamp)),
            str(site.outputs[0].element_count),
        )
        kernel = call_kernel(site, "arm_elementwise_add_s8", {}, arguments)
        # The output may be one of the inputs: elements are read before they are written.
        return replace(kernel, aliased=frozenset({"input", "input1", "output"}))


class Softmax(Template):
    """Softmax over the last axis."""

    name = "softmax_s8"

    def refusal(self, site: Site) -> str:
        """Other operators, too many classes."""
        if not isinstance(site.operator, operator_types.Softmax):
            return "not a Softmax"
        if site.inputs[0].shape[-1] > _MOST_CLASSES:
            return f"more than {_MOST_CLASSES} classes"
        return core_refusal(site.core)

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By exponentials, two per element."""
        del schedule
        return 2 * _EXPONENTIAL * site.outputs[0].element_count

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One call."""
        del schedule
        operator = site.operator
        assert isinstance(operator, operator_types.Softmax)
        row = site.inputs[0].shape[-1]
        numbers = (
            site.inputs[0].element_count // row,
            row,
            operator.input_multiplier,
            operator.input_left_shift,
            operator.diff_min,
        )
        arguments = ("input", *map(str, numbers), "output")
        kernel = call_kernel(site, "arm_softmax_s8", {}, arguments, returns_status=False)
        return replace(kernel, aliased=frozenset({"input", "output"}))
