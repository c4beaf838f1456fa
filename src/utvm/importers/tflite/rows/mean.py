"""MEAN."""

from __future__ import annotations

import math

import tflite

from utvm.importers.tflite.node import Node
from utvm.importers.tflite.rows.axes import constant_integers
from utvm.importers.tflite.rows.requantization import double_rounding
from utvm.model.operator_types import Mean, Operator, Requantization


def mean(node: Node) -> list[Operator]:
    """int8 of any rank; constant axes, negative ones counted from the last, repeated ones counted once."""
    options = node.options(tflite.ReducerOptions)
    source, output = node.input(0), node.output()
    for tensor in (source, output):
        node.require_dtype(tensor, "int8")
    node.require_dtype(node.input(1), "int32")
    rank = len(source.shape)
    listed = [int(axis) for axis in constant_integers(node, 1).flat] if rank else []
    for axis in listed:
        if not -rank <= axis < rank:
            raise node.malformed(f"axis {axis} does not exist in {source}")
    axes = tuple(sorted({axis % rank for axis in listed}))
    input_quantization, output_quantization = node.per_tensor(source), node.per_tensor(output)
    count = math.prod(source.shape[axis] for axis in axes)
    return [
        Mean(
            name=node.name,
            inputs=(source.name,),
            outputs=(output.name,),
            axes=axes,
            keep_dims=bool(options.KeepDims()),
            input_zero_point=input_quantization.zero_point,
            requantization=_divided(double_rounding([input_quantization.scale / output_quantization.scale]), count),
            output_zero_point=output_quantization.zero_point,
        )
    ]


def _divided(factor: Requantization, count: int) -> Requantization:
    """The factor divided by `count`, rounded down to 31 bits as LiteRT's QuantizedMeanOrSum does."""
    multiplier, shift = factor.multipliers[0], factor.shifts[0]
    headroom = min(count.bit_length() - 1, 32, 31 + shift)
    return Requantization(((multiplier << headroom) // count,), (shift - headroom,))
