"""SVDF layers whose products with the input are dot products of packed weights."""

from __future__ import annotations

import numpy as np

from utvm.model.operator_types import SVDF
from utvm.model.tensor import Array
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules.schedule import Schedule
from utvm.schedules.state_dot import SumsPlan, sums_refusal
from utvm.schedules.template import Site, Template

_CYCLES_PER_TAP = 5.0
_CYCLES_PER_FILTER = 40.0
_CYCLES_PER_UNIT = 30.0


class SVDFDot(Template):
    """Constant feature weights whose sums stay below 2**23."""

    name = "svdf_dot"

    def refusal(self, site: Site) -> str:
        """Other operators, sums out of range, cores without DSP."""
        if not isinstance(site.operator, SVDF):
            return f"{type(site.operator).__name__} is not SVDF"
        return sums_refusal(site.core, site.inputs[1].data, _biases(site))

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """Modelled cycles of the dot products, and rates for the rest."""
        del schedule
        rows, feature, time = site.inputs[:3]
        rest = _CYCLES_PER_TAP * time.element_count + _CYCLES_PER_FILTER * time.shape[0]
        rest += _CYCLES_PER_UNIT * site.outputs[0].shape[1]
        return rows.shape[0] * (SumsPlan.of(site.core, *feature.shape).cycles() + rest)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Row by row: all products, then filter by filter the older ones, moved and summed on the way."""
        del schedule
        operator, biases = site.operator, _biases(site)
        rows, feature, time, bias, _ = site.inputs
        assert isinstance(operator, SVDF) and feature.data is not None and biases is not None
        filters, memory = time.shape
        plan = SumsPlan.of(site.core, *feature.shape)
        constants = plan.constants("feature", feature.data, biases)
        scale, last_scale = (
            f"{each.multipliers[0]}, {each.shifts[0]}" for each in (operator.feature, operator.requantization)
        )
        zero_point = operator.output_zero_point
        bounds = f"{-128 - zero_point}, {127 - zero_point}"
        body = [
            f"for (int32_t n = 0; n < {rows.shape[0]}; ++n) {{",
            *(f"    {line}" for line in plan.lines("feature", f"input + n * {rows.shape[1]}", "sums", "x")),
            f"    int16_t *line = state + n * {filters * memory};",
            "    const int16_t *weight = weights_time;",
            "    const int32_t *product = sums;",
            f"    for (int32_t unit = 0; unit < {filters // operator.rank}; ++unit) {{",
            "        uint32_t sum = (uint32_t)bias[unit];",
            f"        for (int32_t r = 0; r < {operator.rank}; ++r) {{",
            f"            for (int32_t m = 0; m < {memory - 1}; ++m) {{",
            "                const int32_t older = line[m + 1];",
            "                line[m] = (int16_t)older;",
            "                sum += (uint32_t)(older * weight[m]);",
            "            }",
            f"            const int32_t scaled = utvm_requantize(*product++, {scale});",
            "            const int32_t newest = utvm_clamp(scaled, INT16_MIN, INT16_MAX);",
            f"            line[{memory - 1}] = (int16_t)newest;",
            f"            sum += (uint32_t)(newest * weight[{memory - 1}]);",
            f"            line += {memory};",
            f"            weight += {memory};",
            "        }",
            f"        const int32_t scaled = utvm_requantize((int32_t)sum, {last_scale});",
            f"        const int32_t stored = utvm_clamp(scaled, {bounds}) + {zero_point};",
            f"        output[n * {filters // operator.rank} + unit] = (int8_t)stored;",
            "    }",
            "}",
        ]
        scratch = [("sums", "int32_t", 4 * filters), *([("x", "int8_t", plan.padded_depth)] if plan.copies else [])]
        return CKernel(
            stem="svdf_dot",
            body="\n".join(body),
            types=(
                "const int8_t",
                "const int16_t",
                "const int32_t",
                "int16_t",
                "int8_t",
                *("const int32_t" for _ in constants),
                *(c_type for _, c_type, _ in scratch),
            ),
            arguments=(
                KernelArgument("input", "tensor", rows.name),
                KernelArgument("weights_time", "tensor", time.name),
                KernelArgument("bias", "tensor", bias.name),
                KernelArgument("state", "tensor", site.outputs[1].name, written=True),
                KernelArgument("output", "tensor", site.outputs[0].name, written=True),
                *(KernelArgument(name, "constant", data=data) for name, data in constants.items()),
                *(KernelArgument(name, "scratch", size_bytes=size) for name, _, size in scratch),
            ),
            comments=(f"{rows.shape[0]} row(s) of {rows.shape[1]}, {filters} filters over {memory} runs",),
            units=tuple(plan.units()),
        )


def _biases(site: Site) -> Array | None:
    """What the input's zero point adds to each product, [filters] int64."""
    operator, feature = site.operator, site.inputs[1]
    assert isinstance(operator, SVDF)
    if feature.data is None:
        return None
    return np.asarray(-operator.input_zero_point * feature.data.astype(np.int64).sum(axis=1), dtype=np.int64)
