"""CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV."""

from __future__ import annotations

import tflite

from utvm.importers.tflite.activation import clamp_of, padding_of, positive_pair
from utvm.importers.tflite.node import Node, Unsupported, zeros
from utvm.importers.tflite.rows.requantization import double_rounding
from utvm.model.operator_types import Conv2D, DepthwiseConv2D, Operator, Requantization, TransposeConv2D
from utvm.model.quantization import Quantization
from utvm.model.tensor import Tensor
from utvm.operators.window import output_size


def per_channel_requantization(input_: Quantization, weights: Quantization, output: Quantization) -> Requantization:
    """Multipliers of a convolution: the product of the float32 scales in double precision, per channel.

    Source: LiteRT PopulateConvolutionQuantizationParams.
    """
    return double_rounding([input_.scale * scale / output.scale for scale in weights.scales])


def weights_quantization(node: Node, weights: Tensor, axis: int) -> Quantization:
    """The weights' quantization, which must be symmetric and, when per channel, along `axis`."""
    quantization = node.quantization(weights)
    if any(quantization.zero_points):
        raise Unsupported(f"weights {weights.name} have a zero point other than 0")
    if quantization.per_channel and quantization.axis != axis:
        raise Unsupported(f"weights {weights.name} are quantized along axis {quantization.axis}, not {axis}")
    return quantization


def bias_of(node: Node, index: int, channels: int) -> str:
    """Name of the bias, one element per channel; zeros when the file has none."""
    bias = node.optional_input(index)
    if bias is None:
        return node.add_constant("bias", zeros(channels))
    node.require_dtype(bias, "int32")
    if bias.element_count != channels:
        raise node.malformed(f"bias {bias} does not have one element for each of {channels} channels")
    if bias.shape == (channels,):
        return bias.name
    if bias.data is None:
        raise Unsupported(f"bias {bias} is not a constant and has more than one axis")
    return node.add_constant("bias", bias.data.reshape(channels))


def conv_2d(node: Node) -> list[Operator]:
    """int8 image and weights, int32 bias or none."""
    options = node.options(tflite.Conv2DOptions)
    image, weights, output = node.input(0), node.input(1), node.output()
    for tensor in (image, weights, output):
        node.require_dtype(tensor, "int8")
        node.require_rank(tensor, 4)
    strides = positive_pair(node, "stride", options.StrideH(), options.StrideW())
    dilation = positive_pair(node, "dilation", options.DilationHFactor(), options.DilationWFactor())
    _, height, width, _ = image.shape
    channels, kernel_height, kernel_width, _ = weights.shape
    input_quantization, output_quantization = node.per_tensor(image), node.per_tensor(output)
    return [
        Conv2D(
            name=node.name,
            inputs=(image.name, weights.name, bias_of(node, 2, channels)),
            outputs=(output.name,),
            strides=strides,
            padding=padding_of(options.Padding(), (height, width), (kernel_height, kernel_width), strides, dilation),
            dilation=dilation,
            input_zero_point=input_quantization.zero_point,
            requantization=per_channel_requantization(
                input_quantization, weights_quantization(node, weights, 0), output_quantization
            ),
            output_zero_point=output_quantization.zero_point,
            clamp=clamp_of(options.FusedActivationFunction(), output_quantization),
        )
    ]


def depthwise_conv_2d(node: Node) -> list[Operator]:
    """int8 image and weights, int32 bias or none. The depth multiplier follows from the shapes, as in LiteRT."""
    options = node.options(tflite.DepthwiseConv2DOptions)
    image, weights, output = node.input(0), node.input(1), node.output()
    for tensor in (image, weights, output):
        node.require_dtype(tensor, "int8")
        node.require_rank(tensor, 4)
    strides = positive_pair(node, "stride", options.StrideH(), options.StrideW())
    dilation = positive_pair(node, "dilation", options.DilationHFactor(), options.DilationWFactor())
    _, height, width, image_channels = image.shape
    _, kernel_height, kernel_width, channels = weights.shape
    depth_multiplier, remainder = divmod(channels, image_channels)
    if remainder:
        raise node.malformed(f"{channels} filters are no multiple of {image_channels} channels")
    input_quantization, output_quantization = node.per_tensor(image), node.per_tensor(output)
    return [
        DepthwiseConv2D(
            name=node.name,
            inputs=(image.name, weights.name, bias_of(node, 2, channels)),
            outputs=(output.name,),
            strides=strides,
            padding=padding_of(options.Padding(), (height, width), (kernel_height, kernel_width), strides, dilation),
            dilation=dilation,
            depth_multiplier=depth_multiplier,
            input_zero_point=input_quantization.zero_point,
            requantization=per_channel_requantization(
                input_quantization, weights_quantization(node, weights, 3), output_quantization
            ),
            output_zero_point=output_quantization.zero_point,
            clamp=clamp_of(options.FusedActivationFunction(), output_quantization),
        )
    ]


def transpose_conv(node: Node) -> list[Operator]:
    """Constant output shape, int8 weights and image, int32 bias or none."""
    options = node.options(tflite.TransposeConvOptions)
    weights, image, output = node.input(1), node.input(2), node.output()
    for tensor in (image, weights, output):
        node.require_dtype(tensor, "int8")
        node.require_rank(tensor, 4)
    node.require_dtype(node.input(0), "int32")
    shape = tuple(int(extent) for extent in node.constant_input(0).flat)
    if shape != output.shape:
        raise node.malformed(f"{output} should have shape {list(shape)}")
    strides = positive_pair(node, "stride", options.StrideH(), options.StrideW())
    channels, kernel_height, kernel_width, _ = weights.shape
    size, window = (shape[1], shape[2]), (kernel_height, kernel_width)
    # The image must be what a convolution of the output would give; its padding is what is cropped.
    padding = padding_of(options.Padding(), size, window, strides)
    if output_size(*size, padding, window, strides) != image.shape[1:3] or shape[0] != image.shape[0]:
        raise node.malformed(f"{image} cannot become {output} with strides {strides}")
    input_quantization, output_quantization = node.per_tensor(image), node.per_tensor(output)
    return [
        TransposeConv2D(
            name=node.name,
            inputs=(image.name, weights.name, bias_of(node, 3, channels)),
            outputs=(output.name,),
            size=size,
            strides=strides,
            crop=(padding.top, padding.left),
            input_zero_point=input_quantization.zero_point,
            requantization=per_channel_requantization(
                input_quantization, weights_quantization(node, weights, 0), output_quantization
            ),
            output_zero_point=output_quantization.zero_point,
            clamp=clamp_of(options.FusedActivationFunction(), output_quantization),
        )
    ]
