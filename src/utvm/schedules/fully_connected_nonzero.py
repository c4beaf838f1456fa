"""Fully connected layers behind a ReLU: weights of inputs that are zero are neither loaded nor multiplied.

How many inputs that spares is known when it runs. Where it is few, all are multiplied, so the worst case costs what it
takes to find out.
"""

from __future__ import annotations

from utvm.microkernels.conv.clamp import clamp_bytes, clamp_operands
from utvm.microkernels.fully_connected import (
    ENTRIES_A_ROUND,
    ENTRY_BYTES,
    MOST_CHANNELS,
    DotProducts,
    dot_biases,
    dot_cycles,
    dot_scales,
    dot_unit,
    dot_weights,
    most_list_bytes,
    pick_unit,
)
from utvm.model.operator_types import FullyConnected
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules.fully_connected_layout import CALL_CYCLES, DotPlan, dot_plan, dot_refusal, folded_bias
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)
_SMALLEST_INPUT = -128
# Bytes of weights that belong to two inputs of a group of rows.
_PAIR_BYTES = 2 * MOST_CHANNELS
# Where two groups of rows fill a line of the data cache with two inputs' weights, and how much of it they may take.
_INTERLEAVED = frozenset({"cortex-m7"})
_MOST_BLOCK_BYTES = 3072
# Pairs of inputs behind a ReLU of which not both are zero, in MLPerf Tiny's ad.
_RELU_SHARE = 0.72
# Cycles to wait for a byte of weights: about the same in the flash of every board we have.
_LOAD_CYCLES = 0.5
# Modelled on the Cortex-M7: cycles to look at a pair of inputs.
_PICK_CYCLES = 4.0


class FullyConnectedNonzero(Template):
    """What FullyConnectedDot can do, for whole words of inputs and whole groups of outputs."""

    name = "fully_connected_nonzero"

    def refusal(self, site: Site) -> str:
        """What is said in fully_connected_layout.py, other depths and numbers of outputs."""
        reason = dot_refusal(site)
        if reason:
            return reason
        units, depth = site.inputs[1].shape
        if units % MOST_CHANNELS:
            return f"{units} outputs are not a multiple of {MOST_CHANNELS}"
        if dot_plan(site).depth > depth or depth % 4:
            return f"{depth} inputs do not fill whole rounds"
        return ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """Modelled cycles of what is usually left, and rates for the rest."""
        del schedule
        batch, depth = site.inputs[0].shape
        plan = dot_plan(site)
        share = _RELU_SHARE if _zero(site) == _SMALLEST_INPUT else 1.0
        rounds = int(share * depth / 2 / ENTRIES_A_ROUND) + 1
        per_row = plan.groups * dot_cycles(_listed(site, plan), site.core, rounds) + depth / 2 * _PICK_CYCLES
        return batch * per_row + CALL_CYCLES

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Rows of the input one after another: the list of inputs, then one of the two ways."""
        del schedule
        operator = site.operator
        assert isinstance(operator, FullyConnected)
        rows, weights, bias = site.inputs
        assert weights.data is not None and bias.data is not None
        output = site.outputs[0]
        plan = dot_plan(site)
        batch, depth = rows.shape
        interleaved, zero = _interleaved(site), _zero(site)
        zeros = (zero & 0xFFFF) * 0x10001
        pick = pick_unit(_PAIR_BYTES * (2 if interleaved else 1), site.core)
        listed, all_ = _listed(site, plan), _all(site, plan)
        units = [pick, dot_unit(listed, site.core), dot_unit(all_, site.core)]
        lines = [
            f"const int32_t list_bytes = {pick.name}(input, {depth // 4}, list, {zeros}U);",
            f"if (list_bytes <= {_most_worthwhile(site, plan)}) {{",
            _call(site, plan, listed, "list, weights, listed_biases, output, scales, list_bytes"),
            "} else {",
            _call(site, plan, all_, f"input, weights, biases, output, scales, {depth}"),
            "}",
        ]
        if operator.clamp != _FULL_RANGE:
            units.append(clamp_bytes(site.core))
            above, below = clamp_operands(operator.clamp)
            lines.append(f"{units[-1].name}(output, {weights.shape[0]}, {above}U, {below}U);")
        if batch > 1:
            lines += [f"input += {depth};", f"output += {weights.shape[0]};"]
            lines = [f"for (int32_t row = 0; row < {batch}; ++row) {{", *(f"    {line}" for line in lines), "}"]
        listed_biases, biases = (folded_bias(operator, weights.data, bias.data, origin) for origin in (zero, 0))
        constants = {
            "weights": dot_weights(weights.data, depth, MOST_CHANNELS, 2 if interleaved else 1),
            "listed_biases": dot_biases(listed_biases, MOST_CHANNELS),
            "biases": dot_biases(biases, MOST_CHANNELS),
            "scales": dot_scales(operator.requantization, operator.output_zero_point),
        }
        return CKernel(
            stem="fully_connected_nonzero",
            body="\n".join(lines),
            types=("const int8_t", "int8_t", *("const int32_t" for _ in constants), "int32_t"),
            arguments=(
                KernelArgument("input", "tensor", rows.name),
                KernelArgument("output", "tensor", output.name, written=True),
                *(KernelArgument(name, "constant", data=data) for name, data in constants.items()),
                KernelArgument("list", "scratch", size_bytes=most_list_bytes(depth)),
            ),
            comments=(
                f"{batch} row(s) of {depth}, {weights.shape[0]} outputs, {MOST_CHANNELS} at a time",
                "weights of two outputs share a word; inputs that are zero are left out if they are enough",
            ),
            units=tuple(units),
        )


def _zero(site: Site) -> int:
    """The input value that is left out: its zero point, as the model had it before biases took it in."""
    assert isinstance(site.operator, FullyConnected)
    quantization = site.inputs[0].quantization
    return quantization.zero_point if quantization else site.operator.input_zero_point


def _listed(site: Site, plan: DotPlan) -> DotProducts:
    return DotProducts(MOST_CHANNELS, 0, plan.per_channel, _interleaved(site))


def _all(site: Site, plan: DotPlan) -> DotProducts:
    return DotProducts(MOST_CHANNELS, plan.quads, plan.per_channel, _interleaved(site))


def _interleaved(site: Site) -> bool:
    """Whether groups of rows share lines of the data cache: where both groups' weights fit it."""
    units, depth = site.inputs[1].shape
    fits = depth * _PAIR_BYTES <= _MOST_BLOCK_BYTES
    return site.core.name in _INTERLEAVED and fits and units % (2 * MOST_CHANNELS) == 0


def _call(site: Site, plan: DotPlan, dot: DotProducts, arguments: str) -> str:
    """All groups of rows."""
    group_bytes = site.inputs[1].shape[1] // 2 * _PAIR_BYTES
    steps = [str(group_bytes)] if dot.strides else []
    if dot.interleaved:
        # From the first of two groups to the second, and from there behind both.
        steps = [str(_PAIR_BYTES), str(_PAIR_BYTES ^ (2 * group_bytes - _PAIR_BYTES))]
    return f"    {dot_unit(dot, site.core).name}({', '.join([arguments, str(plan.groups), *steps])});"


def _most_worthwhile(site: Site, plan: DotPlan) -> int:
    """Bytes of the longest list that is multiplied faster than all inputs."""
    rounds = plan.depth // (4 * plan.quads)
    loading = ENTRIES_A_ROUND * _PAIR_BYTES * _LOAD_CYCLES
    all_cycles = dot_cycles(_all(site, plan), site.core, rounds) + plan.depth / 2 / ENTRIES_A_ROUND * loading
    none, one = (dot_cycles(_listed(site, plan), site.core, rounds) for rounds in (0, 1))
    return max(int((all_cycles - none) / (one - none + loading)), 0) * ENTRIES_A_ROUND * ENTRY_BYTES
