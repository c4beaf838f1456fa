"""Convolutions, plain and depthwise: arm_convolve_wrapper_s8 and arm_depthwise_conv_wrapper_s8."""

from __future__ import annotations

from utvm.libraries.ready_made.cmsis_nn.calls import (
    activation,
    call_kernel,
    core_refusal,
    dims,
    dims_of,
    quantization,
    struct,
    tile,
    with_local,
)
from utvm.model.operator_types import Conv2D, DepthwiseConv2D
from utvm.operators.kernel import CKernel
from utvm.schedules import Schedule, Site, Template

# Rough cycles per multiply-accumulate and per output on cores with DSP instructions; without, four times as many.
_CONV_MAC, _DEPTHWISE_MAC, _OUTPUT = 1.6, 5.0, 20.0
_PLAIN_FACTOR = 4
_QUANTIZATION = (
    "cmsis_nn_per_channel_quant_params",
    struct({"multiplier": "(int32_t *)multipliers", "shift": "(int32_t *)shifts"}),
)
_ARGUMENTS = (
    "&context",
    "&params",
    "&quantization",
    "&input_dims",
    "input",
    "&filter_dims",
    "input1",
    "&bias_dims",
    "input2",
    "&output_dims",
    "output",
)


class Convolve(Template):
    """Conv2D without groups."""

    name = "convolve_s8"

    def refusal(self, site: Site) -> str:
        """Other operators, groups, other rounding."""
        operator = site.operator
        if not isinstance(operator, Conv2D):
            return "not a Conv2D"
        if site.inputs[1].shape[3] != site.inputs[0].shape[3]:
            return "grouped channels"
        padding = operator.padding
        if site.inputs[1].shape[1:3] == (1, 1) and padding.any and not (padding.top or padding.left):
            return "a window of 1x1 with padding at the end only, which the library would not see"
        return core_refusal(site.core) or _rounding_refusal(operator)

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By multiply-accumulates and outputs."""
        del schedule
        taps = site.inputs[1].element_count // site.inputs[1].shape[0]
        per_output = _CONV_MAC * taps + _OUTPUT
        return site.outputs[0].element_count * per_output * (1 if site.core.dsp else _PLAIN_FACTOR)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One call; the scratch holds two columns of int16."""
        del schedule
        operator = site.operator
        assert isinstance(operator, Conv2D)
        channels, height, width, depth = site.inputs[1].shape
        columns = (height * width * depth + 3) // 4 * 4
        is_1x1 = (height, width) == (1, 1) and not operator.padding.any
        return _kernel(
            site,
            operator,
            "arm_convolve_wrapper_s8",
            ("cmsis_nn_conv_params", {}),
            dims(channels, height, width, depth),
            channels,
            0 if is_1x1 and operator.dilation == (1, 1) else 4 * columns,
        )


class Depthwise(Template):
    """DepthwiseConv2D."""

    name = "depthwise_conv_s8"

    def refusal(self, site: Site) -> str:
        """Other operators, other rounding."""
        operator = site.operator
        if not isinstance(operator, DepthwiseConv2D):
            return "not a DepthwiseConv2D"
        if site.inputs[0].shape[0] != 1:
            return "several images"
        return core_refusal(site.core) or _rounding_refusal(operator)

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By multiply-accumulates and outputs."""
        del schedule
        _, height, width, _ = site.inputs[1].shape
        per_output = _DEPTHWISE_MAC * height * width + _OUTPUT
        return site.outputs[0].element_count * per_output * (1 if site.core.dsp else _PLAIN_FACTOR)

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """One call; the scratch holds a window of int16, where the library does not go without."""
        del schedule
        operator = site.operator
        assert isinstance(operator, DepthwiseConv2D)
        _, height, width, channels = site.inputs[1].shape
        optimised = operator.depth_multiplier == 1 and operator.dilation == (1, 1)
        small = (height, width) == (3, 3) and operator.padding.top <= 1 and operator.padding.left <= 1
        return _kernel(
            site,
            operator,
            "arm_depthwise_conv_wrapper_s8",
            ("cmsis_nn_dw_conv_params", {"ch_mult": operator.depth_multiplier}),
            dims(1, height, width, channels),
            channels,
            2 * height * width * channels if optimised and not small and site.core.dsp else 0,
        )


def _rounding_refusal(operator: Conv2D | DepthwiseConv2D) -> str:
    rounding = operator.requantization.rounding
    return "" if rounding == "double" else f"requantization rounds {rounding}, not double"


def _kernel(
    site: Site,
    operator: Conv2D | DepthwiseConv2D,
    function: str,
    params: tuple[str, dict[str, int]],
    filter_dims: str,
    channels: int,
    scratch_bytes: int,
) -> CKernel:
    c_type, more = params
    values: dict[str, int | str] = {
        "input_offset": -operator.input_zero_point,
        "output_offset": operator.output_zero_point,
        **more,
        "stride": tile(operator.strides),
        "padding": tile((operator.padding.top, operator.padding.left)),
        "dilation": tile(operator.dilation),
        "activation": activation(operator.clamp),
    }
    kernel = call_kernel(
        site,
        function,
        {
            "params": (c_type, struct(values)),
            "input_dims": ("cmsis_nn_dims", dims_of(site.inputs[0])),
            "filter_dims": ("cmsis_nn_dims", filter_dims),
            "bias_dims": ("cmsis_nn_dims", dims(c=channels)),
            "output_dims": ("cmsis_nn_dims", dims_of(site.outputs[0])),
        },
        _ARGUMENTS,
        quantization(operator.requantization, channels),
        scratch_bytes,
    )
    return with_local(kernel, "quantization", _QUANTIZATION)
