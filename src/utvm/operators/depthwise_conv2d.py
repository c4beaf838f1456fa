"""Convolution of each channel by itself. LiteRT source: reference_integer_ops::DepthwiseConvPerChannel."""

from __future__ import annotations

import numpy as np

from utvm.model.fixed_point import finish, requantize
from utvm.model.operator_types import DepthwiseConv2D
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import (
    require_accumulator,
    require_clamp,
    require_inputs,
    require_int8,
    require_rank,
    require_requantization,
    require_window,
)
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.overlap import Overlap, windowed
from utvm.operators.rule import OperatorRule, TensorType, require
from utvm.operators.window import output_size, tap_range


class DepthwiseConv2DRule(OperatorRule[DepthwiseConv2D]):
    """NHWC int8 image, 1HWO int8 weights with O = C * depth_multiplier, int32 bias."""

    def infer(self, operator: DepthwiseConv2D, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        require_inputs(operator, inputs, "int8", "int8", "int32")
        image, weights, bias = inputs
        require_rank(operator, weights, 4)
        require_window(operator, image, operator.padding, operator.strides, operator.dilation)
        batch, height, width, channels = image.shape
        one, kernel_height, kernel_width, out_channels = weights.shape
        require(one == 1, operator, f"weights {weights.shape} do not begin with an extent of 1")
        require(
            out_channels == channels * operator.depth_multiplier,
            operator,
            f"{channels} channels times {operator.depth_multiplier} are not {out_channels}",
        )
        require(bias.shape == (out_channels,), operator, f"bias has shape {bias.shape}, not ({out_channels},)")
        require_requantization(operator, operator.requantization, out_channels)
        require_int8(operator, "zero point", operator.input_zero_point, operator.output_zero_point)
        require_clamp(operator, operator.clamp)
        require_accumulator(operator, weights, 0, bias, operator.input_zero_point, axis=3)
        out_height, out_width = output_size(
            height, width, operator.padding, (kernel_height, kernel_width), operator.strides, operator.dilation
        )
        require(out_height > 0 and out_width > 0, operator, "the window is larger than the padded image")
        return (TensorType((batch, out_height, out_width, out_channels), "int8"),)

    def reference(self, operator: DepthwiseConv2D, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        image, weights, bias = inputs
        batch, height, width, channels = image.shape
        _, kernel_height, kernel_width, out_channels = weights.shape
        pad = operator.padding
        (stride_y, stride_x), (dilation_y, dilation_x) = operator.strides, operator.dilation
        out_height, out_width = output_size(
            height, width, pad, (kernel_height, kernel_width), operator.strides, operator.dilation
        )
        centred = image.astype(np.int32) - operator.input_zero_point
        centred = np.pad(centred, ((0, 0), (pad.top, pad.bottom), (pad.left, pad.right), (0, 0)))
        taps_of = weights.astype(np.int32).reshape(kernel_height, kernel_width, channels, operator.depth_multiplier)
        total = np.zeros((batch, out_height, out_width, channels, operator.depth_multiplier), dtype=np.int64)
        for ky in range(kernel_height):
            for kx in range(kernel_width):
                y0, x0 = ky * dilation_y, kx * dilation_x
                taps = centred[:, y0::stride_y, x0::stride_x][:, :out_height, :out_width]
                total += taps[..., np.newaxis] * taps_of[ky, kx]
        sums = total.reshape(batch, out_height, out_width, out_channels) + bias
        return (finish(requantize(sums, operator.requantization), operator.output_zero_point, operator.clamp),)

    def macs(self, operator: DepthwiseConv2D, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> int:
        del operator
        _, kernel_height, kernel_width, _ = inputs[1].shape
        return outputs[0].element_count * kernel_height * kernel_width

    def overlap(
        self, operator: DepthwiseConv2D, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]
    ) -> Overlap | None:
        return windowed(inputs[0], outputs[0], operator.strides, operator.padding)

    def kernel(self, operator: DepthwiseConv2D, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        image, weights, bias = inputs
        batch, height, width, channels = image.shape
        _, kernel_height, kernel_width, _ = weights.shape
        (stride_y, stride_x), (dilation_y, dilation_x) = operator.strides, operator.dilation
        pad = operator.padding
        with KernelBuilder("depthwise_conv2d", operator) as k:
            x = k.input("input", image)
            w = k.input("weights", weights)
            b = k.input("bias", bias)
            requantizer = k.requantization("", operator.requantization)
            out = k.output("output", outputs[0])
            _, out_height, out_width, _ = outputs[0].shape
            with k.loops(n=batch, oy=out_height, ox=out_width) as (n, oy, ox):
                rows = tap_range(k, "ky", oy, out_height, stride_y, pad.top, dilation_y, kernel_height, height)
                columns = tap_range(k, "kx", ox, out_width, stride_x, pad.left, dilation_x, kernel_width, width)
                with k.loops(c=channels, m=operator.depth_multiplier) as (c, m):
                    oc = c * operator.depth_multiplier + m
                    acc = k.local("acc", b[oc])
                    with k.loop("ky", *rows) as ky, k.loop("kx", *columns) as kx:
                        row = oy * stride_y + ky * dilation_y - pad.top
                        column = ox * stride_x + kx * dilation_x - pad.left
                        tap = k.wide(x[n, row, column, c]) - operator.input_zero_point
                        acc.add(tap * k.wide(w[0, ky, kx, oc]))
                    value = requantizer.finish(acc.value, operator.output_zero_point, operator.clamp, oc)
                    k.store(out, [n, oy, ox, oc], value)
        return k.finish()
