"""Two-dimensional convolution. LiteRT source: reference_integer_ops::ConvPerChannel."""

from __future__ import annotations

import numpy as np

from utvm.model.fixed_point import finish, requantize
from utvm.model.operator_types import Conv2D
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


class Conv2DRule(OperatorRule[Conv2D]):
    """NHWC int8 image, OHWI int8 weights, int32 bias."""

    def infer(self, operator: Conv2D, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        require_inputs(operator, inputs, "int8", "int8", "int32")
        image, weights, bias = inputs
        require_rank(operator, weights, 4)
        require_window(operator, image, operator.padding, operator.strides, operator.dilation)
        batch, height, width, channels = image.shape
        out_channels, kernel_height, kernel_width, in_channels = weights.shape
        require(
            channels % in_channels == 0 and out_channels % (channels // in_channels) == 0,
            operator,
            f"{channels} image channels do not divide into groups of {in_channels} for {out_channels} outputs",
        )
        require(bias.shape == (out_channels,), operator, f"bias has shape {bias.shape}, not ({out_channels},)")
        require_requantization(operator, operator.requantization, out_channels)
        require_int8(operator, "zero point", operator.input_zero_point, operator.output_zero_point)
        require_clamp(operator, operator.clamp)
        require_accumulator(operator, weights, 0, bias, operator.input_zero_point, axis=0)
        out_height, out_width = output_size(
            height, width, operator.padding, (kernel_height, kernel_width), operator.strides, operator.dilation
        )
        require(out_height > 0 and out_width > 0, operator, "the window is larger than the padded image")
        return (TensorType((batch, out_height, out_width, out_channels), "int8"),)

    def reference(self, operator: Conv2D, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        image, weights, bias = inputs
        batch, height, width, channels = image.shape
        out_channels, kernel_height, kernel_width, in_channels = weights.shape
        groups = channels // in_channels
        pad = operator.padding
        (stride_y, stride_x), (dilation_y, dilation_x) = operator.strides, operator.dilation
        out_height, out_width = output_size(
            height, width, pad, (kernel_height, kernel_width), operator.strides, operator.dilation
        )
        centred = image.astype(np.float64) - operator.input_zero_point
        centred = np.pad(centred, ((0, 0), (pad.top, pad.bottom), (pad.left, pad.right), (0, 0)))
        # Products and sums of int8 stay far below 2**53, so float64 (and BLAS) is exact.
        accumulator = np.zeros((batch, out_height, out_width, groups, out_channels // groups))
        for ky in range(kernel_height):
            for kx in range(kernel_width):
                y0, x0 = ky * dilation_y, kx * dilation_x
                taps = centred[:, y0 : y0 + out_height * stride_y : stride_y, x0 : x0 + out_width * stride_x : stride_x]
                taps = taps[:, :out_height, :out_width].reshape(batch, out_height, out_width, groups, in_channels)
                kernel = weights[:, ky, kx].astype(np.float64).reshape(groups, out_channels // groups, in_channels)
                for group in range(groups):
                    accumulator[..., group, :] += taps[..., group, :] @ kernel[group].T
        total = accumulator.reshape(batch, out_height, out_width, out_channels).astype(np.int64) + bias
        return (finish(requantize(total, operator.requantization), operator.output_zero_point, operator.clamp),)

    def macs(self, operator: Conv2D, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> int:
        del operator
        return outputs[0].element_count * inputs[1].element_count // inputs[1].shape[0]

    def overlap(self, operator: Conv2D, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Overlap | None:
        return windowed(inputs[0], outputs[0], operator.strides, operator.padding)

    def kernel(self, operator: Conv2D, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        image, weights, bias = inputs
        batch, height, width, channels = image.shape
        out_channels, kernel_height, kernel_width, in_channels = weights.shape
        outputs_per_group = out_channels // (channels // in_channels)
        (stride_y, stride_x), (dilation_y, dilation_x) = operator.strides, operator.dilation
        pad = operator.padding
        with KernelBuilder("conv2d", operator) as k:
            x = k.input("input", image)
            w = k.input("weights", weights)
            b = k.input("bias", bias)
            requantizer = k.requantization("", operator.requantization)
            out = k.output("output", outputs[0])
            _, out_height, out_width, _ = outputs[0].shape
            with k.loops(n=batch, oy=out_height, ox=out_width) as (n, oy, ox):
                rows = tap_range(k, "ky", oy, out_height, stride_y, pad.top, dilation_y, kernel_height, height)
                columns = tap_range(k, "kx", ox, out_width, stride_x, pad.left, dilation_x, kernel_width, width)
                with k.loop("oc", 0, out_channels) as oc:
                    acc = k.local("acc", b[oc])
                    with k.loop("ky", *rows) as ky, k.loop("kx", *columns) as kx, k.loop("ic", 0, in_channels) as ic:
                        row = oy * stride_y + ky * dilation_y - pad.top
                        column = ox * stride_x + kx * dilation_x - pad.left
                        channel = (
                            ic if in_channels == channels else k.quotient(oc, outputs_per_group) * in_channels + ic
                        )
                        tap = k.wide(x[n, row, column, channel]) - operator.input_zero_point
                        acc.add(tap * k.wide(w[oc, ky, kx, ic]))
                    value = requantizer.finish(acc.value, operator.output_zero_point, operator.clamp, oc)
                    k.store(out, [n, oy, ox, oc], value)
        return k.finish()
