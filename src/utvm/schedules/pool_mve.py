"""Pools over vectors of channels, for cores with MVE (Helium)."""

from __future__ import annotations

from utvm.microkernels.assembly import has_vectors
from utvm.microkernels.mve.pool import MOST_TAPS, VectorPool, pool_vectors
from utvm.microkernels.mve.rows import limit_bytes
from utvm.model.operator_types import Pool2D
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.operators.overlap import Overlap, windowed
from utvm.schedules.pool import pool_body
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)
_LARGEST_STEP = 1 << 20
# Estimated cycles per vector and tap, per vector of outputs, per output pixel.
_TAP_CYCLES = 2.5
_OUTPUT_CYCLES = 25
_PIXEL_CYCLES = 60


class PoolVectors(Template):
    """Any number of channels; the part of the window inside the image is found per output pixel."""

    name = "pool_mve"

    def refusal(self, site: Site) -> str:
        """See Template."""
        operator = site.operator
        if not isinstance(operator, Pool2D):
            return f"{type(operator).__name__} is not a pool"
        if not has_vectors(site.core):
            return f"{site.core.name} has no MVE"
        taps = operator.window[0] * operator.window[1]
        if operator.kind == "average" and taps > MOST_TAPS:
            return f"an average of {taps} pixels; sums hold {MOST_TAPS}"
        return "pixels are too far apart" if site.inputs[0].shape[3] >= _LARGEST_STEP else ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of taps and outputs."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Pool2D)
        channels = site.outputs[0].shape[3]
        pixels = site.outputs[0].element_count // channels
        vectors = -(-channels // (16 if operator.kind == "max" else 8))
        each = operator.window[0] * operator.window[1] * _TAP_CYCLES + _OUTPUT_CYCLES
        return pixels * (vectors * each + _PIXEL_CYCLES)

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """Output pixel by output pixel."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Pool2D)
        return windowed(site.inputs[0], site.outputs[0], operator.strides, operator.padding)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """A call per output pixel."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Pool2D)
        image, output = site.inputs[0], site.outputs[0]
        _, height, width, channels = image.shape
        unit = pool_vectors(VectorPool(operator.kind, channels, width * channels), site.core)
        units, body = [unit], pool_body(site, operator, unit.name)
        if operator.clamp != _FULL_RANGE:
            limit = limit_bytes(site.core)
            units.append(limit)
            body.append(f"{limit.name}(output, {output.element_count}, {operator.clamp[0]}, {operator.clamp[1]});")
        return CKernel(
            stem=f"{operator.kind}_pool2d_mve",
            body="\n".join(body),
            types=("const int8_t", "int8_t"),
            arguments=(
                KernelArgument("input", "tensor", image.name),
                KernelArgument("output", "tensor", output.name, written=True),
            ),
            comments=(f"{height}x{width}x{channels}, window {operator.window}, strides {operator.strides}",),
            units=tuple(units),
        )
