"""SVDF."""

from __future__ import annotations

import numpy as np
import tflite

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.convolution import bias_of
from utvm.importers.tflite.rows.requantization import double_rounding
from utvm.model.operator_types import SVDF, Operator, Requantization
from utvm.model.quantization import Quantization


def svdf(node: Node) -> list[Operator]:
    """Fully quantized: int8 with int16 time weights and state.

    LiteRT demands the activation RELU there, and leaves it to the output's saturation.
    """
    options = node.options(tflite.SVDFOptions)
    if options.FusedActivationFunction() != tflite.ActivationFunctionType.RELU:
        raise Unsupported(f"fused activation {options.FusedActivationFunction()}; int8 takes RELU only, as LiteRT does")
    rank = options.Rank()
    source, feature, time, state, output = node.input(0), node.input(1), node.input(2), node.state(4), node.output()
    for tensor in (source, feature, output):
        node.require_dtype(tensor, "int8")
    for tensor in (time, state):
        node.require_dtype(tensor, "int16")
    node.require_rank(feature, 2)
    if rank < 1 or feature.shape[0] % rank:
        raise node.malformed(f"{feature.shape[0]} filters do not divide into units of {rank}")
    quantizations = [node.per_tensor(tensor) for tensor in (source, feature, state, time, output)]
    return [
        SVDF(
            name=node.name,
            inputs=(source.name, feature.name, time.name, bias_of(node, 3, feature.shape[0] // rank), state.name),
            outputs=(output.name, node.update_state(4)),
            rank=rank,
            input_zero_point=quantizations[0].zero_point,
            feature=_factor(*quantizations[:3]),
            requantization=_factor(*quantizations[2:]),
            output_zero_point=quantizations[4].zero_point,
        )
    ]


def _factor(a: Quantization, b: Quantization, result: Quantization) -> Requantization:
    """The factor of a product, which LiteRT computes in float32."""
    with np.errstate(all="ignore"):
        return double_rounding([float(np.float32(a.scale) * np.float32(b.scale) / np.float32(result.scale))])
