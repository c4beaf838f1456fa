"""Constant padding. LiteRT source: reference_ops::Pad."""

from __future__ import annotations

import math

import numpy as np

from utvm.model.operator_types import Pad
from utvm.model.tensor import Array, Tensor
from utvm.operators.checks import sole_input
from utvm.operators.kernel import Kernel
from utvm.operators.kernel_builder import KernelBuilder
from utvm.operators.nest import nest
from utvm.operators.rule import OperatorRule, TensorType, require


class PadRule(OperatorRule[Pad]):
    """Any dtype and rank."""

    def infer(self, operator: Pad, inputs: tuple[Tensor, ...]) -> tuple[TensorType, ...]:
        source = sole_input(operator, inputs)
        require(
            len(operator.paddings) == len(source.shape),
            operator,
            f"{len(operator.paddings)} paddings for the {len(source.shape)} axes of {source}",
        )
        require(
            all(before >= 0 and after >= 0 for before, after in operator.paddings),
            operator,
            f"paddings {operator.paddings} are negative",
        )
        require(_storable(operator.value, source.dtype), operator, f"value {operator.value} is not {source.dtype}")
        padded = zip(source.shape, operator.paddings, strict=True)
        return (TensorType(tuple(extent + before + after for extent, (before, after) in padded), source.dtype),)

    def reference(self, operator: Pad, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (source,) = inputs
        return (np.pad(source, operator.paddings, constant_values=operator.value) if source.ndim else source,)

    def kernel(self, operator: Pad, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Kernel:
        extents, paddings = merged_axes(inputs[0].shape, operator.paddings)
        dtype = inputs[0].dtype
        padded = tuple(extent + before + after for extent, (before, after) in zip(extents, paddings, strict=True))
        with KernelBuilder("pad", operator) as k:
            x = k.input("input", inputs[0], extents)
            out = k.output("output", outputs[0], padded)
            with nest(k, "o", padded) as position:
                k.store(out, list(position), k.literal(operator.value, dtype))
            with nest(k, "i", extents) as position:
                shifted = [index + before for index, (before, _) in zip(position, paddings, strict=True)]
                k.store(out, shifted, x[tuple(position)])
        return k.finish()


def merged_axes(
    shape: tuple[int, ...], paddings: tuple[tuple[int, int], ...]
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """The same padding over fewer axes: one without padding becomes part of the axis before it."""
    extents: list[int] = []
    merged: list[tuple[int, int]] = []
    for extent, (before, after) in zip(shape, paddings, strict=True):
        if extents and (before, after) == (0, 0):
            extents[-1] *= extent
            merged[-1] = (merged[-1][0] * extent, merged[-1][1] * extent)
        elif (extents, merged) == ([1], [(0, 0)]):
            extents, merged = [extent], [(before, after)]
        else:
            extents.append(extent)
            merged.append((before, after))
    return tuple(extents) or (1,), tuple(merged) or ((0, 0),)


def _storable(value: float, dtype: str) -> bool:
    if dtype == "float32":
        return math.isfinite(value) and float(np.float32(value)) == value
    limits = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return float(value).is_integer() and limits[0] <= value <= limits[1]
