"""Depthwise convolutions as dot products of whole windows, for cores with MVE (Helium).

Eight channels at a time are turned into planes in which a window is contiguous; see microkernels/mve/window.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from utvm.microkernels.assembly import has_vectors
from utvm.microkernels.mve.limits import rounding_refusal
from utvm.microkernels.mve.packing import channel_scales
from utvm.microkernels.mve.planes import CHANNELS, spread_unit, window_weights
from utvm.microkernels.mve.rows import limit_bytes, pad_row
from utvm.microkernels.mve.window import window_unit
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import DepthwiseConv2D
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.operators.overlap import Overlap
from utvm.schedules.conv2d_channels import extents
from utvm.schedules.depthwise_mve_plan import VectorPlan, plans_of
from utvm.schedules.depthwise_mve_source import Functions, window_body
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)


class DepthwiseVectors(Template):
    """DepthwiseConv2D with no dilation, a window that fits a few vectors, known weights.

    `along`: the axis along which four outputs are computed at a time; `across`: how many are beside each; `whole`: all
    of eight channels is read before their outputs are written over it.
    """

    name = "depthwise_mve"
    memory_knobs = ("along", "whole")

    def refusal(self, site: Site) -> str:
        """See Template."""
        operator = site.operator
        if not isinstance(operator, DepthwiseConv2D):
            return f"{type(operator).__name__} is not a DepthwiseConv2D"
        if not has_vectors(site.core):
            return f"{site.core.name} has no MVE"
        _, weights, bias = site.inputs
        if weights.data is None or bias.data is None:
            return "weights or bias are not constants"
        if operator.dilation != (1, 1):
            return f"dilation {operator.dilation}"
        padding = operator.padding
        sides = (padding.top, padding.bottom), (padding.left, padding.right)
        if any(max(side) >= taps for side, taps in zip(sides, weights.shape[1:3], strict=True)):
            return f"a window lies in the padding {padding} alone"
        if operator.requantization.rounding != "double":
            return f"requantization rounds {operator.requantization.rounding}"
        rows = weights.data.reshape(-1, weights.shape[3]).T
        reason = rounding_refusal(operator.requantization, operator.output_zero_point, rows, _folded(site))
        return reason or ("" if plans_of(site) else "no window fits the vectors")

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """See the class."""
        plans = plans_of(site)
        return {
            "along": tuple(dict.fromkeys(plan.along for plan in plans)),
            "across": tuple(dict.fromkeys(plan.window.across for plan in plans)),
            "whole": tuple(dict.fromkeys(plan.whole for plan in plans)),
        }

    def conflict(self, site: Site, schedule: Schedule) -> str:
        """See Template."""
        if _find(site, schedule):
            return ""
        along, across, whole = (schedule.knob(name) for name in ("along", "across", "whole"))
        return f"knobs across = {across}, whole = {whole}: no such windows along {along}"

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """From the windows' estimated cycles."""
        return _plan(site, schedule).cycles(site)

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """See Template."""
        return _plan(site, schedule).scratch_bytes

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """See VectorPlan."""
        return _plan(site, schedule).overlap(site)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Per band of outputs across: planes of eight channels, their windows, and so on."""
        operator, plan = site.operator, _plan(site, schedule)
        assert isinstance(operator, DepthwiseConv2D)
        image, weights, _ = site.inputs
        output = site.outputs[0]
        assert weights.data is not None
        spread, window = spread_unit(plan.spread, site.core), window_unit(plan.window, site.core)
        units = [spread, window]
        fill = spread_unit(plan.fill, site.core)
        body = []
        if plan.padded_along:
            units.append(pad_row(site.core))
            body.append(f"{units[-1].name}(planes, input, {plan.scratch_bytes}, 0, 0, {operator.input_zero_point});")
        if plan.padded_across:
            units.append(fill)
        body += window_body(site, plan, Functions(spread.name, fill.name, window.name))
        if operator.clamp != _FULL_RANGE:
            limit = limit_bytes(site.core)
            units.append(limit)
            body.append(f"{limit.name}(output, {output.element_count}, {operator.clamp[0]}, {operator.clamp[1]});")
        taps = weights.data[0].transpose((2, 1, 0) if plan.along == "columns" else (2, 0, 1))
        scales = channel_scales(_folded(site), operator.requantization, plan.window.scaling)
        constants = {"weights": window_weights(plan.window, taps), "scales": scales}
        if plan.padded_across:
            constants["zeros"] = np.full(CHANNELS, operator.input_zero_point, dtype=np.int8)
        kinds = {"weights": "const int8_t", "scales": "const int32_t", "zeros": "const int8_t"}
        return CKernel(
            stem="depthwise_mve",
            body="\n".join(body),
            types=("const int8_t", *(kinds[name] for name in constants), "int8_t", "int8_t"),
            arguments=(
                KernelArgument("input", "tensor", tensor=image.name),
                *(KernelArgument(name, "constant", data=data) for name, data in constants.items()),
                KernelArgument("output", "tensor", tensor=output.name, written=True),
                KernelArgument("planes", "scratch", size_bytes=plan.scratch_bytes, written=True),
            ),
            comments=(
                f"input: int8 {extents(image.shape)}, output: int8 {extents(output.shape)}",
                "weights: of a channel's window as it lies in its plane, after a vector of zeros",
                "scales: per channel its bias, multiplier and shift",
                f"planes: of {CHANNELS} channels, {plan.window.positions} records of {plan.window.record} bytes each",
            ),
            units=tuple(units),
        )


def _find(site: Site, schedule: Schedule) -> VectorPlan | None:
    wanted = schedule.knob("along"), schedule.knob("across"), schedule.knob("whole")
    return next((plan for plan in plans_of(site) if (plan.along, plan.window.across, plan.whole) == wanted), None)


def _plan(site: Site, schedule: Schedule) -> VectorPlan:
    plan = _find(site, schedule)
    assert plan is not None
    return plan


def _folded(site: Site) -> Int64Array:
    operator = site.operator
    assert isinstance(operator, DepthwiseConv2D)
    weights, bias = site.inputs[1].data, site.inputs[2].data
    assert weights is not None and bias is not None
    sums = weights.astype(np.int64).sum(axis=(0, 1, 2))
    return np.asarray(bias.astype(np.int64) - operator.input_zero_point * sums, dtype=np.int64)
