"""Average and maximum of windows. LiteRT source: reference_integer_ops::AveragePool, MaxPool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from utvm.model.operator_types import Pool2D
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import require_clamp, require_window, sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.overlap import Overlap, windowed
from utvm.operators.rule import OperatorRule, TensorType, require
from utvm.operators.window import output_size, tap_range

# Sums of that many int8 fit an int32.
MAX_TAPS = 1 << 23


class Pool2DRule(OperatorRule[Pool2D]):
    """NHWC int8 image."""

    def infer(self, operator: Pool2D, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        image = sole_input(operator, inputs, "int8")
        require(operator.kind in ("average", "max"), operator, f"kind {operator.kind!r} is unknown")
        require_window(operator, image, operator.padding, operator.strides, operator.window)
        batch, height, width, channels = image.shape
        pad = operator.padding
        require(
            max(pad.top, pad.bottom) < operator.window[0] and max(pad.left, pad.right) < operator.window[1],
            operator,
            f"a window {operator.window} lies in the padding alone",
        )
        require(operator.window[0] * operator.window[1] <= MAX_TAPS, operator, f"window {operator.window} is too large")
        require_clamp(operator, operator.clamp)
        out_height, out_width = output_size(height, width, pad, operator.window, operator.strides)
        require(out_height > 0 and out_width > 0, operator, "the window is larger than the padded image")
        return (TensorType((batch, out_height, out_width, channels), "int8"),)

    def reference(self, operator: Pool2D, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        image = inputs[0].astype(np.int64)
        pad = operator.padding
        sides = ((0, 0), (pad.top, pad.bottom), (pad.left, pad.right), (0, 0))
        positions = output_size(image.shape[1], image.shape[2], pad, operator.window, operator.strides)
        if operator.kind == "max":
            pooled = _pool(np.pad(image, sides, constant_values=-128), operator, positions, np.maximum)
        else:
            total = _pool(np.pad(image, sides), operator, positions, np.add)
            inside = np.pad(np.ones((1, *image.shape[1:3], 1), dtype=np.int64), sides)
            count = _pool(inside, operator, positions, np.add)
            magnitude = (np.abs(total) + count // 2) // count
            pooled = np.where(total > 0, magnitude, -magnitude)
        return (np.clip(pooled, *operator.clamp).astype(np.int8),)

    def overlap(self, operator: Pool2D, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Overlap | None:
        return windowed(inputs[0], outputs[0], operator.strides, operator.padding)

    def kernel(self, operator: Pool2D, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        batch, height, width, channels = inputs[0].shape
        _, out_height, out_width, _ = outputs[0].shape
        (window_y, window_x), (stride_y, stride_x) = operator.window, operator.strides
        pad = operator.padding
        average = operator.kind == "average"
        with KernelBuilder(f"{operator.kind}_pool2d", operator) as k:
            x = k.input("input", inputs[0])
            out = k.output("output", outputs[0])
            with k.loops(n=batch, oy=out_height, ox=out_width) as (n, oy, ox):
                rows = tap_range(k, "ky", oy, out_height, stride_y, pad.top, 1, window_y, height)
                columns = tap_range(k, "kx", ox, out_width, stride_x, pad.left, 1, window_x, width)
                count: Any = (rows[1] - rows[0]) * (columns[1] - columns[0])
                if average and not isinstance(count, int):
                    count = k.local("count", count).value
                with k.loop("c", 0, channels) as c:
                    acc = k.local("sum" if average else "largest", 0 if average else -128)
                    with k.loop("ky", *rows) as ky, k.loop("kx", *columns) as kx:
                        row, column = oy * stride_y + ky - pad.top, ox * stride_x + kx - pad.left
                        tap = k.wide(x[n, row, column, c])
                        acc.set(acc.value + tap if average else k.maximum(acc.value, tap))
                    value = k.call("utvm_rounding_divide", acc.value, count) if average else acc.value
                    limited = k.call("utvm_clamp", value, operator.clamp[0], operator.clamp[1])
                    k.store(out, [n, oy, ox, c], k.cast("int8", limited))
        return k.finish()


def _pool(
    padded: Array, operator: Pool2D, positions: tuple[int, int], combine: Callable[[Array, Array], Array]
) -> Array:
    """Windows combined along rows, then along columns."""
    for axis, window, stride, count in zip((1, 2), operator.window, operator.strides, positions, strict=True):
        moved = np.moveaxis(padded, axis, 0)
        result = moved[: (count - 1) * stride + 1 : stride]
        for tap in range(1, window):
            result = combine(result, moved[tap : tap + (count - 1) * stride + 1 : stride])
        padded = np.moveaxis(result, 0, axis)
    return padded
