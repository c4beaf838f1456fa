"""Fully connected layers: dot products with up to eight packed rows of weights at a time."""

from __future__ import annotations

from utvm.microkernels.conv.clamp import clamp_bytes, clamp_operands
from utvm.microkernels.fully_connected import MOST_CHANNELS, dot_biases, dot_scales, dot_unit, dot_weights
from utvm.microkernels.movement import copy_bytes
from utvm.model.operator_types import FullyConnected
from utvm.model.tensor import Array
from utvm.operators.kernel import CKernel, CodeUnit, KernelArgument
from utvm.schedules.fully_connected_layout import dot_plan, dot_refusal, folded_bias
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)


class FullyConnectedDot(Template):
    """Symmetric weights, requantization that rounds once, sums below 2**23."""

    name = "fully_connected_dot"

    def refusal(self, site: Site) -> str:
        """Other operators, unknown or asymmetric weights, sums or scales out of range, cores without DSP."""
        return dot_refusal(site)

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """Modelled cycles of the dot products, and a rate for copying."""
        del schedule
        return dot_plan(site).cycles(site)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Rows of the input one after another; per row, groups of eight outputs, then what is left."""
        del schedule
        return _kernel(site)


def _kernel(site: Site) -> CKernel:
    operator = site.operator
    assert isinstance(operator, FullyConnected)
    rows, weights, bias = site.inputs
    output = site.outputs[0]
    assert weights.data is not None and bias.data is not None
    plan = dot_plan(site)
    folded = folded_bias(operator, weights.data, bias.data)
    grouped = plan.groups * MOST_CHANNELS
    parts = [slice(0, grouped), slice(grouped, None)]
    sizes = [MOST_CHANNELS if plan.groups else 0, plan.rest]
    constants: dict[str, Array] = {}
    calls: list[str] = []
    units: list[CodeUnit] = []
    batch, depth = rows.shape
    vector = "input"
    if plan.depth > depth:
        vector = "x"
        units.append(copy_bytes(site.core))
        calls.append(f"{units[0].name}(x, input, {depth});")
    for (dot, groups), (part, size), suffix in zip(
        plan.dots(), [pair for pair in zip(parts, sizes, strict=True) if pair[1]], ("", "_rest"), strict=False
    ):
        unit = dot_unit(dot, site.core)
        units.append(unit)
        constants[f"weights{suffix}"] = dot_weights(weights.data[part], plan.depth, size)
        constants[f"biases{suffix}"] = dot_biases(folded[part], size)
        place = part.start or 0
        scales = f"scales + {3 * place}" if plan.per_channel and place else "scales"
        target = f"output + {place}" if place else "output"
        calls.append(
            f"{unit.name}({vector}, weights{suffix}, biases{suffix}, {target}, {scales}, {plan.depth}, {groups});"
        )
    constants["scales"] = dot_scales(operator.requantization, operator.output_zero_point)
    if operator.clamp != _FULL_RANGE:
        clamp = clamp_bytes(site.core)
        units.append(clamp)
        above, below = clamp_operands(operator.clamp)
        calls.append(f"{clamp.name}(output, {weights.shape[0]}, {above}U, {below}U);")
    if batch > 1:
        calls += [f"input += {depth};", f"output += {weights.shape[0]};"]
        calls = [f"for (int32_t row = 0; row < {batch}; ++row) {{", *(f"    {line}" for line in calls), "}"]
    scratch = [KernelArgument("x", "scratch", size_bytes=plan.depth)] if vector == "x" else []
    return CKernel(
        stem="fully_connected_dot",
        body="\n".join(calls),
        types=("const int8_t", "int8_t", *("const int32_t" for _ in constants), *("int8_t" for _ in scratch)),
        arguments=(
            KernelArgument("input", "tensor", rows.name),
            KernelArgument("output", "tensor", output.name, written=True),
            *(KernelArgument(name, "constant", data=data) for name, data in constants.items()),
            *scratch,
        ),
        comments=(
            f"{batch} row(s) of {depth}, {weights.shape[0]} outputs, {MOST_CHANNELS} at a time",
            "weights of two outputs share a word",
        ),
        units=tuple(units),
    )
