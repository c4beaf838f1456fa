"""CONV_2D."""

from __future__ import annotations

import tflite

from utvm.importers.tflite.activation import clamp_of, padding_of, positive_pair
from utvm.importers.tflite.node import Node, Unsupported, zeros
from utvm.model.fixed_point import quantize_multiplier
from utvm.model.operator_types import Conv2D, Operator, Requantization
from utvm.model.quantization import Quantization
from utvm.model.tensor import Tensor


def per_channel_requantization(input_: Quantization, weights: Quantization, output: Quantization) -> Requantization:
    """Multipliers of a convolution: the product of the float32 scales in double precision, per channel.

    Source: LiteRT PopulateConvolutionQuantizationParams.
    """
    reals = [input_.scale * scale / output.scale for scale in weights.scales]
    pairs = [quantize_multiplier(real) for real in reals]
    return Requantization(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


def weights_quantization(node: Node, weights: Tensor, axis: int) -> Quantization:
    """The weights' quantization, which must be symmetric and, when per channel, along `axis`."""
    quantization = node.quantization(weights)
    if any(quantization.zero_points):
        raise Unsupported(f"weights {weights.name} have a zero point other than 0")
    if quantization.per_channel and quantization.axis != axis:
        raise Unsupported(f"weights {weights.name} are quantized along axis {quantization.axis}, not {axis}")
    return quantization


def bias_of(node: Node, index: int, channels: int) -> str:
    """Name of the bias; zeros when the file has none."""
    bias = node.optional_input(index)
    if bias is None:
        return node.add_constant("bias", zeros(channels))
    node.require_dtype(bias, "int32")
    return bias.name


def conv_2d(node: Node) -> list[Operator]:
    """int8 image and weights, int32 bias or none."""
    options = node.options(tflite.Conv2DOptions)
    image, weights, output = node.input(0), node.input(1), node.output()
    for tensor in (image, weights, output):
        node.require_dtype(tensor, "int8")
        node.require_rank(tensor, 4)
    strides = positive_pair(node, "stride", options.StrideH(), options.StrideW())
    dilation = positive_pair(node, "dilation", options.DilationHFactor(), options.DilationWFactor())
    channels, kernel_height, kernel_width, _ = weights.shape
    input_quantization, output_quantization = node.per_tensor(image), node.per_tensor(output)
    return [
        Conv2D(
            name=node.name,
            inputs=(image.name, weights.name, bias_of(node, 2, channels)),
            outputs=(output.name,),
            strides=strides,
            padding=padding_of(options.Padding(), image.shape[1:3], (kernel_height, kernel_width), strides, dilation),
            dilation=dilation,
            input_zero_point=input_quantization.zero_point,
            requantization=per_channel_requantization(
                input_quantization, weights_quantization(node, weights, 0), output_quantization
            ),
            output_zero_point=output_quantization.zero_point,
            clamp=clamp_of(options.FusedActivationFunction(), output_quantization),
        )
    ]
