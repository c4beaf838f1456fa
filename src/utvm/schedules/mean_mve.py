"""Means over the pixels of each channel, for cores with MVE (Helium)."""

from __future__ import annotations

from utvm.microkernels.assembly import has_vectors
from utvm.microkernels.mve.limits import scaling_refusal
from utvm.microkernels.mve.mean import VectorMean, mean_vectors
from utvm.microkernels.mve.requantize import Scaling, scale_vectors, scaling_of
from utvm.model.operator_types import Mean
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.operators.mean import merged_axes
from utvm.schedules.schedule import Schedule
from utvm.schedules.template import Site, Template

_FULL_RANGE = (-128, 127)
_LARGEST_STEP = 1 << 20
# Estimated cycles per element, per output and per image.
_ELEMENT_CYCLES = 0.7
_OUTPUT_CYCLES = 6.0
_IMAGE_CYCLES = 60.0


class MeanVectors(Template):
    """Axes that merge to [batches, pixels, channels] of which the pixels are summed."""

    name = "mean_mve"

    def refusal(self, site: Site) -> str:
        """See Template."""
        operator = site.operator
        if not isinstance(operator, Mean):
            return f"{type(operator).__name__} is not a mean"
        if not has_vectors(site.core):
            return f"{site.core.name} has no MVE"
        shape = site.inputs[0].shape
        extents, summed = merged_axes(shape, operator.axes)
        if len(extents) < 2 or summed != (len(extents) - 2,):
            return f"axes {operator.axes} of {shape} are not those before the last"
        if extents[-1] >= _LARGEST_STEP:
            return "pixels are too far apart"
        return scaling_refusal(operator.requantization, operator.output_zero_point, _reach(operator, extents[-2]))

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By the number of elements and outputs."""
        del schedule
        outputs, channels = site.outputs[0].element_count, site.outputs[0].shape[-1]
        cycles = site.inputs[0].element_count * _ELEMENT_CYCLES + outputs * _OUTPUT_CYCLES
        return cycles + outputs // channels * _IMAGE_CYCLES

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One call per image."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Mean)
        source, output = site.inputs[0], site.outputs[0]
        extents, _ = merged_axes(source.shape, operator.axes)
        batches = extents[0] if len(extents) == 3 else 1
        pixels, channels = extents[-2:]
        scaling = _scaling(operator, pixels)
        unit = mean_vectors(VectorMean(pixels, channels, scaling, operator.output_zero_point), site.core)
        scales = [int(row[0]) for row in scale_vectors(operator.requantization, scaling, 1)]
        values = [-operator.input_zero_point * pixels, scales[0], scales[1], scales[2] if scaling.left else 0]
        scalars = ", ".join(str(value) for value in values)
        body = [f"{unit.name}(input, output, {scalars});"]
        if batches > 1:
            call = f"{unit.name}(input + n * {pixels * channels}, output + n * {channels}, {scalars});"
            body = [f"for (int32_t n = 0; n < {batches}; ++n) {{", f"    {call}", "}"]
        return CKernel(
            stem="mean_mve",
            body="\n".join(body),
            types=("const int8_t", "int8_t"),
            arguments=(
                KernelArgument("input", "tensor", source.name),
                KernelArgument("output", "tensor", output.name, written=True),
            ),
            comments=(f"{batches} image(s) of {pixels} pixels, {channels} channels",),
            units=(unit,),
        )


def _reach(operator: Mean, pixels: int) -> int:
    """No sum without the input's zero point is larger in magnitude, nor is what is added to it."""
    return 128 * pixels + abs(operator.input_zero_point) * pixels


def _scaling(operator: Mean, pixels: int) -> Scaling:
    reach = _reach(operator, pixels)
    return scaling_of(operator.requantization, operator.output_zero_point, _FULL_RANGE, reach)
