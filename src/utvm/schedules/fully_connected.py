"""Fully connected layers: dot products with up to eight packed rows of weights at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utvm.microkernels.assembly import supports
from utvm.microkernels.conv import ChannelRanges, channel_ranges, pairable
from utvm.microkernels.conv.clamp import clamp_bytes, clamp_operands
from utvm.microkernels.fully_connected import (
    MOST_CHANNELS,
    DotProducts,
    dot_biases,
    dot_cycles,
    dot_scales,
    dot_unit,
    dot_weights,
    scales_refusal,
)
from utvm.microkernels.movement import copy_bytes
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import FullyConnected
from utvm.model.tensor import Array
from utvm.operators.kernel import CKernel, CodeUnit, KernelArgument
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)
# Words of four inputs per round; a vector that is no multiple of them is copied and filled up.
_QUADS_A_ROUND = (8, 4, 2, 1)
# Eight are more than a kilobyte of code, which is all that the code caches of common Cortex-M4 flash hold.
_MOST_QUADS = {"cortex-m4": 4}
# Modelled on the Cortex-M7: cycles per copied element, and per call.
_COPY_CYCLES = 0.5
_CALL_CYCLES = 60


class FullyConnectedDot(Template):
    """Symmetric weights, requantization that rounds once, sums below 2**23."""

    name = "fully_connected_dot"

    def refusal(self, site: Site) -> str:
        """Other operators, unknown or asymmetric weights, sums or scales out of range, cores without DSP."""
        operator = site.operator
        if not isinstance(operator, FullyConnected):
            return f"{type(operator).__name__} is not fully connected"
        if not supports(site.core):
            return f"{site.core.name} has no DSP instructions that code is scheduled for"
        _, weights, bias = site.inputs
        if weights.data is None or bias.data is None:
            return "weights and bias are not constants"
        if operator.weights_zero_point != 0:
            return f"the weights' zero point is {operator.weights_zero_point}, not 0"
        ranges = _ranges(operator, weights.data, bias.data)
        if not ranges.within(1 << 23).all():
            return "a sum could reach 2**23"
        units = weights.shape[0]
        if not all(pairable(weights.data, ranges, low, low + 1) for low in range(0, units - 1, 2)):
            return "a weight of -128 cannot be packed beside a negative one"
        return scales_refusal(operator.requantization, operator.output_zero_point, ranges)

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """Modelled cycles of the dot products, and a rate for widening."""
        del schedule
        return _plan(site).cycles(site)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Rows of the input one after another; per row, groups of eight outputs, then what is left."""
        del schedule
        return _kernel(site)


@dataclass(frozen=True)
class _Plan:
    """Dot products of `groups` groups of MOST_CHANNELS rows, then one of `rest` rows; `depth` is filled up."""

    depth: int
    quads: int
    groups: int
    rest: int
    per_channel: bool

    def dots(self) -> list[tuple[DotProducts, int]]:
        """What is called for a vector, and how many groups each does."""
        found = []
        if self.groups:
            found.append((DotProducts(MOST_CHANNELS, self.quads, self.per_channel), self.groups))
        if self.rest:
            found.append((DotProducts(self.rest, self.quads, self.per_channel), 1))
        return found

    def cycles(self, site: Site) -> float:
        """Per call."""
        batch, depth = site.inputs[0].shape
        rounds = self.depth // (4 * self.quads)
        per_row = sum(groups * dot_cycles(dot, site.core, rounds) for dot, groups in self.dots())
        return batch * (per_row + (depth * _COPY_CYCLES if depth < self.depth else 0)) + _CALL_CYCLES


def _plan(site: Site) -> _Plan:
    operator = site.operator
    assert isinstance(operator, FullyConnected)
    units, depth = site.inputs[1].shape
    most = _MOST_QUADS.get(site.core.name, max(_QUADS_A_ROUND))
    filled = {quads: -(-depth // (4 * quads)) * 4 * quads for quads in _QUADS_A_ROUND if quads <= most}
    # A round costs about as much as half a word.
    quads = min(filled, key=lambda count: (filled[count] * (2 * count + 1) / count, -count))
    groups, rest = divmod(units, MOST_CHANNELS)
    return _Plan(filled[quads], quads, groups, rest, len(operator.requantization.multipliers) > 1)


def _folded_bias(operator: FullyConnected, weights: Array, bias: Array) -> Int64Array:
    sums = weights.astype(np.int64).sum(axis=1)
    return np.asarray(bias.astype(np.int64) - operator.input_zero_point * sums, dtype=np.int64)


def _ranges(operator: FullyConnected, weights: Array, bias: Array) -> ChannelRanges:
    return channel_ranges(weights, _folded_bias(operator, weights, bias))


def _kernel(site: Site) -> CKernel:
    operator = site.operator
    assert isinstance(operator, FullyConnected)
    rows, weights, bias = site.inputs
    output = site.outputs[0]
    assert weights.data is not None and bias.data is not None
    plan = _plan(site)
    folded = _folded_bias(operator, weights.data, bias.data)
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
