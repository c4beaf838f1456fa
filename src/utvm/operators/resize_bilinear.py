"""Bilinear resize in 10-bit fixed point. LiteRT source: reference_ops::ResizeBilinearInteger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from utvm.model.operator_types import ResizeBilinear
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.resize_nearest import require_resizable
from utvm.operators.rule import OperatorRule, TensorType, require

ONE = 1 << 10


@dataclass(frozen=True)
class Sampling:
    """Where outputs lie along an input axis of `extent`: output i at (i * step + offset) / 1024."""

    extent: int
    step: int
    offset: int

    def reaches(self, size: int) -> bool:
        """Whether all of `size` outputs lie inside the axis, which rounding of the step can prevent."""
        return (size - 1) * self.step + self.offset < self.extent * ONE


def sampling(extent: int, size: int, align_corners: bool, half_pixel_centers: bool) -> Sampling:
    """The sampling of an input axis by `size` outputs."""
    if align_corners and size > 1:
        extent_steps, size_steps = extent - 1, size - 1
    else:
        extent_steps, size_steps = extent, size
    step = (ONE * extent_steps + size_steps // 2) // size_steps
    return Sampling(extent, step, step // 2 - ONE // 2 if half_pixel_centers else 0)


class ResizeBilinearRule(OperatorRule[ResizeBilinear]):
    """NHWC int8 images."""

    def infer(self, operator: ResizeBilinear, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs, "int8")
        require_resizable(operator, source, operator.size)
        require(
            not (operator.align_corners and operator.half_pixel_centers),
            operator,
            "corners cannot be aligned with half-pixel centers",
        )
        for axis, size in zip(_samplings(operator, source.shape), operator.size, strict=True):
            require(axis.reaches(size), operator, f"{axis.extent} elements cannot be stretched to {size} in 10 bits")
        return (TensorType((source.shape[0], *operator.size, source.shape[3]), "int8"),)

    def reference(self, operator: ResizeBilinear, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        image = inputs[0].astype(np.int64)
        vertical, horizontal = _samplings(operator, image.shape)
        image = _interpolated(image, vertical, operator.size[0], axis=1)
        image = _interpolated(image, horizontal, operator.size[1], axis=2)
        magnitude = (np.abs(image) + ONE * ONE // 2) // (ONE * ONE)
        return (np.where(image > 0, magnitude, -magnitude).astype(np.int8),)

    def kernel(self, operator: ResizeBilinear, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        vertical, horizontal = _samplings(operator, inputs[0].shape)
        batch, height, width, channels = outputs[0].shape
        with KernelBuilder("resize_bilinear", operator) as k:
            x = k.input("input", inputs[0])
            out = k.output("output", outputs[0])
            with k.loops(n=batch, oy=height) as (n, oy):
                top, bottom, down = _neighbours(k, "y", oy, vertical)
                with k.loop("ox", 0, width) as ox:
                    left, right, across = _neighbours(k, "x", ox, horizontal)
                    with k.loop("c", 0, channels) as c:
                        upper = k.wide(x[n, top, left, c]) * (ONE - across) + k.wide(x[n, top, right, c]) * across
                        lower = k.wide(x[n, bottom, left, c]) * (ONE - across) + k.wide(x[n, bottom, right, c]) * across
                        total = k.local("total", upper * (ONE - down) + lower * down).value
                        half = k.select(total > 0, k.literal(ONE * ONE // 2), k.literal(-ONE * ONE // 2))
                        k.store(out, [n, oy, ox, c], k.cast("int8", k.quotient(total + half, ONE * ONE)))
        return k.finish()


def _samplings(operator: ResizeBilinear, shape: tuple[int, ...]) -> tuple[Sampling, Sampling]:
    corners, centers = operator.align_corners, operator.half_pixel_centers
    return (
        sampling(shape[1], operator.size[0], corners, centers),
        sampling(shape[2], operator.size[1], corners, centers),
    )


def _interpolated(image: Array, axis_sampling: Sampling, size: int, axis: int) -> Array:
    """The image at the outputs' places along `axis`, times 1024."""
    place = np.arange(size) * axis_sampling.step + axis_sampling.offset
    # Before the first centre the place is negative: both neighbours are then the first element.
    low = np.maximum(place, 0) // ONE
    high = np.minimum(np.maximum(place + ONE - 1, 0) // ONE, axis_sampling.extent - 1)
    weight = (place - ONE * low).reshape([-1 if index == axis else 1 for index in range(image.ndim)])
    return np.asarray(image.take(low, axis=axis) * (ONE - weight) + image.take(high, axis=axis) * weight)


def _neighbours(k: KernelBuilder, name: str, position: Any, axis: Sampling) -> tuple[Any, Any, Any]:
    """The two input indices around an output and the weight of the second, of 1024.

    The place is at least -512, so truncating division gives the first index there too.
    """
    place = k.local(name, position * axis.step + axis.offset).value
    low = k.local(f"{name}_low", k.quotient(place, ONE)).value
    high = k.local(f"{name}_high", k.minimum(k.quotient(place + (ONE - 1), ONE), axis.extent - 1)).value
    weight = k.local(f"{name}_weight", place - low * ONE).value
    return low, high, weight
