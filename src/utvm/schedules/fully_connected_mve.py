"""Fully connected layers with vector dot products, for cores with MVE (Helium): several outputs share a vector."""

from __future__ import annotations

import numpy as np

from utvm.microkernels.assembly import has_vectors
from utvm.microkernels.mve.limits import rounding_refusal, sum_reach
from utvm.microkernels.mve.packing import shared_scales, tile_scales, tile_weights
from utvm.microkernels.mve.requantize import scaling_of
from utvm.microkernels.mve.rows import limit_bytes
from utvm.microkernels.mve.tile import Tile, tile_cycles, tile_unit
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import FullyConnected
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)
_LARGEST_DEPTH = 1 << 17
_CALL_CYCLES = 60


class FullyConnectedVectors(Template):
    """Symmetric constant weights; sums below 2**23 where requantization rounds once."""

    name = "fully_connected_mve"

    def refusal(self, site: Site) -> str:
        """See Template."""
        operator = site.operator
        if not isinstance(operator, FullyConnected):
            return f"{type(operator).__name__} is not fully connected"
        if not has_vectors(site.core):
            return f"{site.core.name} has no MVE"
        _, weights, bias = site.inputs
        if weights.data is None or bias.data is None:
            return "weights or bias are not constants"
        if operator.weights_zero_point != 0:
            return f"the weights' zero point is {operator.weights_zero_point}, not 0"
        if weights.shape[1] >= _LARGEST_DEPTH:
            return "rows are too long"
        return rounding_refusal(operator.requantization, operator.output_zero_point, weights.data, _folded(site))

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """From the tile's estimated cycles."""
        del schedule
        tile = _tile(site)
        groups = -(-site.inputs[1].shape[0] // tile.width)
        return site.inputs[0].shape[0] * (groups * tile_cycles(tile, site.core) + _CALL_CYCLES)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One row of the input after another, all groups of outputs."""
        del schedule
        operator, tile = site.operator, _tile(site)
        assert isinstance(operator, FullyConnected)
        rows, weights, _ = site.inputs
        output = site.outputs[0]
        assert weights.data is not None
        units, depth = weights.shape
        dot = tile_unit(tile, site.core)
        functions = [dot]
        packed = tile_weights(weights.data.reshape(units, 1, depth), tile.width)
        pack = shared_scales if tile.shared else tile_scales
        scales = pack(_folded(site), operator.requantization, tile.scaling, tile.width)
        whole = max(1, units // tile.width)
        x, y = ("input", "output") if rows.shape[0] == 1 else ("x", "y")
        body = [f"{dot.name}({x}, weights, scales, {y}, {whole});"]
        if units > tile.width and units % tile.width:
            # The outputs that fill no group are computed with those before them.
            places = f"weights + {whole * tile.weights_bytes}, scales + {whole * tile.scales_bytes // 4}"
            body.append(f"{dot.name}({x}, {places}, {y} + {units - tile.width}, 1);")
        if rows.shape[0] > 1:
            pointers = [f"const int8_t *x = input + row * {depth};", f"int8_t *y = output + row * {units};"]
            inner = [f"    {line}" for line in pointers + body]
            body = [f"for (int32_t row = 0; row < {rows.shape[0]}; ++row) {{", *inner, "}"]
        if operator.clamp != _FULL_RANGE:
            limit = limit_bytes(site.core)
            functions.append(limit)
            body.append(f"{limit.name}(output, {output.element_count}, {operator.clamp[0]}, {operator.clamp[1]});")
        return CKernel(
            stem="fully_connected_mve",
            body="\n".join(body),
            types=("const int8_t", "const int8_t", "const int32_t", "int8_t"),
            arguments=(
                KernelArgument("input", "tensor", rows.name),
                KernelArgument("weights", "constant", data=packed),
                KernelArgument("scales", "constant", data=scales),
                KernelArgument("output", "tensor", output.name, written=True),
            ),
            comments=(
                f"{rows.shape[0]} row(s) of {depth}, {units} outputs, {tile.channels} at a time",
                "weights: per group of outputs sixteen taps of each at a time",
            ),
            units=tuple(functions),
        )


def _tile(site: Site) -> Tile:
    operator = site.operator
    assert isinstance(operator, FullyConnected)
    units, depth = site.inputs[1].shape
    width = 8 if units >= 32 or (units >= 8 and units % 8 in (0, 5, 6, 7)) else 4
    assert site.inputs[1].data is not None
    reach = sum_reach(site.inputs[1].data, _folded(site))
    shared = len(operator.requantization.multipliers) == 1 and units % width == 0
    return Tile(
        loop="groups",
        pixels=1,
        channels=min(width, units),
        runs=1,
        taps=depth,
        run_step=0,
        pixel_step=0,
        output_step=width,
        scaling=scaling_of(operator.requantization, operator.output_zero_point, operator.clamp, reach),
        zero_point=operator.output_zero_point,
        readable=False,
        shared=shared,
    )


def _folded(site: Site) -> Int64Array:
    operator = site.operator
    assert isinstance(operator, FullyConnected)
    weights, bias = site.inputs[1].data, site.inputs[2].data
    assert weights is not None and bias is not None
    sums = weights.astype(np.int64).sum(axis=1)
    return np.asarray(bias.astype(np.int64) - operator.input_zero_point * sums, dtype=np.int64)
