"""Templates for plain-nn's convolution and matrix product."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from utvm.model.operator_types import Conv2D, FullyConnected
from utvm.operators.kernel import CKernel, KernelArgument
from utvm.schedules import KnobValue, Schedule, Site, Template


def initialiser(values: Mapping[str, int]) -> str:
    """A C initialiser with names."""
    return "{" + ", ".join(f".{name} = {value}" for name, value in values.items()) + "}"


class PlainConvolve(Template):
    """Conv2D without groups or dilation, one image at a time."""

    name = "convolve"

    def refusal(self, site: Site) -> str:
        operator = site.operator
        if not isinstance(operator, Conv2D):
            return "not a Conv2D"
        image, weights, bias = site.inputs
        if weights.data is None or bias.data is None or weights.shape[3] != image.shape[3]:
            return "weights are not constants, or grouped"
        if operator.dilation != (1, 1) or image.shape[0] != 1 or operator.requantization.rounding != "double":
            return "dilated, a batch, or rounded once"
        return ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        del schedule
        return 6.0 * site.outputs[0].element_count * site.inputs[1].element_count / site.inputs[1].shape[0]

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        del schedule
        operator = site.operator
        assert isinstance(operator, Conv2D)
        image, weights, bias = site.inputs
        output = site.outputs[0]
        scales = operator.requantization
        layer = initialiser(
            {
                "height": image.shape[1], "width": image.shape[2], "channels": image.shape[3],
                "out_height": output.shape[1], "out_width": output.shape[2], "out_channels": output.shape[3],
                "window_height": weights.shape[1], "window_width": weights.shape[2],
                "stride_y": operator.strides[0], "stride_x": operator.strides[1],
                "pad_y": operator.padding.top, "pad_x": operator.padding.left,
                "input_zero_point": operator.input_zero_point, "output_zero_point": operator.output_zero_point,
                "low": operator.clamp[0], "high": operator.clamp[1], "per_channel": int(len(scales.multipliers) > 1),
            }
        )  # fmt: skip
        call = "plain_convolve_s8(&layer, input, weights, bias, multipliers, shifts, scratch, output)"
        taps = weights.element_count // weights.shape[0]
        return CKernel(
            stem="plain_convolve",
            body=f"static const plain_convolution layer = {layer};\nconst int32_t status = {call};\n"
            "if (status != 0) {\n    return status;\n}",
            types=("const int8_t", "const int8_t", *["const int32_t"] * 3, "int16_t", "int8_t"),
            arguments=(
                KernelArgument("input", "tensor", image.name),
                KernelArgument("weights", "tensor", weights.name),
                KernelArgument("bias", "tensor", bias.name),
                KernelArgument("multipliers", "constant", data=np.array(scales.multipliers, np.int32)),
                KernelArgument("shifts", "constant", data=np.array(scales.shifts, np.int32)),
                KernelArgument("scratch", "scratch", size_bytes=2 * taps, written=True),
                KernelArgument("output", "tensor", output.name, written=True),
            ),
            comments=("plain-nn's convolution",),
            calls=("plain_convolve_s8",),
        )


class PlainDense(Template):
    """FullyConnected whose scales are rounded once."""

    name = "dense"

    def refusal(self, site: Site) -> str:
        operator = site.operator
        if not isinstance(operator, FullyConnected):
            return "not fully connected"
        if operator.requantization.rounding != "single" or operator.weights_zero_point:
            return "not rounded once, or asymmetric weights"
        return ""

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        del site
        return {"together": (True, False)}

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        del schedule
        return 8.0 * site.inputs[0].shape[0] * site.inputs[1].element_count

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        operator = site.operator
        assert isinstance(operator, FullyConnected)
        rows, weights, bias = site.inputs
        together = bool(schedule.knob("together"))
        scales = operator.requantization
        count, depth = rows.shape
        layer = initialiser(
            {
                "rows": count if together else 1, "depth": depth, "units": weights.shape[0],
                "input_zero_point": operator.input_zero_point, "output_zero_point": operator.output_zero_point,
                "low": operator.clamp[0], "high": operator.clamp[1], "per_unit": int(len(scales.multipliers) > 1),
            }
        )  # fmt: skip
        call = "plain_dense_s8(&layer, input, weights, bias, multipliers, shifts, output);"
        if not together:
            call = (
                f"for (int32_t row = 0; row < {count}; ++row) {{\n    {call}\n"
                f"    input += {depth};\n    output += {weights.shape[0]};\n}}"
            )
        return CKernel(
            stem="plain_dense",
            body=f"static const plain_dense layer = {layer};\n{call}",
            types=("const int8_t", "const int8_t", *["const int32_t"] * 3, "int8_t"),
            arguments=(
                KernelArgument("input", "tensor", rows.name),
                KernelArgument("weights", "tensor", weights.name),
                KernelArgument("bias", "tensor", bias.name),
                KernelArgument("multipliers", "constant", data=np.array(scales.multipliers, np.int32)),
                KernelArgument("shifts", "constant", data=np.array(scales.shifts, np.int32)),
                KernelArgument("output", "tensor", site.outputs[0].name, written=True),
            ),
            comments=("plain-nn's matrix product",),
            calls=("plain_dense_s8",),
        )


TEMPLATES = (PlainConvolve(), PlainDense())
