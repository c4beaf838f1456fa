"""Transposed convolution. LiteRT source: reference_integer_ops::TransposeConv."""

from __future__ import annotations

import numpy as np

from utvm.model.fixed_point import finish, requantize
from utvm.model.operator_types import Padding, TransposeConv2D
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
from utvm.operators.kernel_builder import Expression, KernelBuilder
from utvm.operators.rule import OperatorRule, TensorType, require

# Coordinates stay far inside an int32.
MAX_EXTENT = 1 << 24
MAX_ELEMENTS = 1 << 28


class TransposeConv2DRule(OperatorRule[TransposeConv2D]):
    """NHWC int8 image, OHWI int8 weights, int32 bias."""

    def infer(self, operator: TransposeConv2D, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        require_inputs(operator, inputs, "int8", "int8", "int32")
        image, weights, bias = inputs
        require_rank(operator, weights, 4)
        require_window(operator, image, Padding(), operator.strides, operator.size)
        require(min(operator.crop) >= 0, operator, f"crop {operator.crop} is negative")
        _, kernel_height, kernel_width, _ = weights.shape
        reach = (
            _full(image.shape[1], operator.strides[0], kernel_height),
            _full(image.shape[2], operator.strides[1], kernel_width),
        )
        require(max(*reach, *operator.size, *operator.crop) <= MAX_EXTENT, operator, f"its output reaches {reach}")
        size = image.shape[0] * operator.size[0] * operator.size[1] * weights.shape[0]
        require(size <= MAX_ELEMENTS, operator, f"its output has {size} elements")
        channels, in_channels = weights.shape[0], weights.shape[3]
        require(
            in_channels == image.shape[3],
            operator,
            f"weights for {in_channels} channels meet an image of {image.shape[3]}",
        )
        require(bias.shape == (channels,), operator, f"bias has shape {bias.shape}, not ({channels},)")
        require_requantization(operator, operator.requantization, channels)
        require_int8(operator, "zero point", operator.input_zero_point, operator.output_zero_point)
        require_clamp(operator, operator.clamp)
        require_accumulator(operator, weights, 0, bias, operator.input_zero_point, axis=0)
        return (TensorType((image.shape[0], *operator.size, channels), "int8"),)

    def reference(self, operator: TransposeConv2D, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        image, weights, bias = inputs
        batch, height, width, _ = image.shape
        channels, kernel_height, kernel_width, _ = weights.shape
        (out_height, out_width), (stride_y, stride_x) = operator.size, operator.strides
        # Sums fit int32, so float64 (and BLAS) is exact.
        centred = image.astype(np.float64) - operator.input_zero_point
        total = np.zeros((batch, out_height, out_width, channels))
        for ky in range(kernel_height):
            rows, out_rows = _meeting(height, stride_y, ky - operator.crop[0], out_height)
            for kx in range(kernel_width):
                columns, out_columns = _meeting(width, stride_x, kx - operator.crop[1], out_width)
                total[:, out_rows, out_columns] += centred[:, rows, columns] @ weights[:, ky, kx].T.astype(np.float64)
        sums = total.astype(np.int64) + bias
        return (finish(requantize(sums, operator.requantization), operator.output_zero_point, operator.clamp),)

    def macs(self, operator: TransposeConv2D, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> int:
        """Every pixel meets every weight, cropped or not."""
        del operator, outputs
        batch, height, width, _ = inputs[0].shape
        return batch * height * width * inputs[1].element_count

    def kernel(self, operator: TransposeConv2D, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        image, weights, bias = inputs
        batch, height, width, in_channels = image.shape
        channels, kernel_height, kernel_width, _ = weights.shape
        (out_height, out_width), (stride_y, stride_x) = operator.size, operator.strides
        with KernelBuilder("transpose_conv2d", operator) as k:
            x = k.input("input", image)
            w = k.input("weights", weights)
            b = k.input("bias", bias)
            requantizer = k.requantization("", operator.requantization)
            out = k.output("output", outputs[0])
            with k.loops(n=batch, oy=out_height, ox=out_width) as (n, oy, ox):
                # Gathered: the pixels whose windows cover this output, so that no sum has to be kept in memory.
                y, x_position = oy + operator.crop[0], ox + operator.crop[1]
                rows = _covering(k, "iy", y, stride_y, kernel_height, height)
                columns = _covering(k, "ix", x_position, stride_x, kernel_width, width)
                with k.loop("oc", 0, channels) as oc:
                    acc = k.local("acc", b[oc])
                    with (
                        k.loop("iy", *rows) as iy,
                        k.loop("ix", *columns) as ix,
                        k.loop("ic", 0, in_channels) as ic,
                    ):
                        tap = k.wide(x[n, iy, ix, ic]) - operator.input_zero_point
                        weight = w[oc, y - iy * stride_y, x_position - ix * stride_x, ic]
                        acc.add(tap * k.wide(weight))
                    value = requantizer.finish(acc.value, operator.output_zero_point, operator.clamp, oc)
                    k.store(out, [n, oy, ox, oc], value)
        return k.finish()


def _full(extent: int, stride: int, taps: int) -> int:
    """Where the last window ends."""
    return (extent - 1) * stride + taps


def _meeting(extent: int, stride: int, offset: int, out_extent: int) -> tuple[slice, slice]:
    """The input positions i for which i * stride + offset lies in the output, and those places."""
    first = max(0, -(offset // stride))
    last = min(extent, (out_extent - 1 - offset) // stride + 1)
    count = max(0, last - first)
    begin = first * stride + offset
    end = begin + (count - 1) * stride + 1 if count else begin
    return slice(first, first + count), slice(begin, end, stride)


def _covering(
    k: KernelBuilder, name: str, place: Expression, stride: int, taps: int, extent: int
) -> tuple[Expression, Expression]:
    """First and behind-last input position whose window of `taps` covers a place of the uncropped output."""
    # Rounded up; C's division would round a negative numerator the wrong way.
    before = k.quotient(k.maximum(place - taps + stride, 0), stride)
    begin = k.local(f"{name}_begin", before).value
    end = k.local(f"{name}_end", k.minimum(k.quotient(place, stride) + 1, extent)).value
    return begin, end
