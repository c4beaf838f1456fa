"""SOFTMAX."""

from __future__ import annotations

import math

import tflite

from utvm.importers.tflite.node import Node, Unsupported
from utvm.model.fixed_point import quantize_multiplier
from utvm.model.operator_types import Operator, Softmax
from utvm.operators.softmax import INPUT_INTEGER_BITS, MAX_CLASSES


def softmax(node: Node) -> list[Operator]:
    """int8 of any rank but zero, over the last axis."""
    options = node.options(tflite.SoftmaxOptions)
    source, output = node.input(0), node.output()
    for tensor in (source, output):
        node.require_dtype(tensor, "int8")
    if not source.shape:
        raise node.malformed(f"{source} has no axis")
    if source.shape[-1] > MAX_CLASSES:
        raise Unsupported(f"the sum of {source.shape[-1]} exponentials can overflow; at most {MAX_CLASSES}")
    quantization = node.per_tensor(output)
    if quantization.zero_point != -128 or abs(quantization.scale * 256 - 1) > 0.001:
        raise node.malformed(
            f"{output} has scale {quantization.scale:g} and zero point {quantization.zero_point}, not 1/256 and -128"
        )
    multiplier, left_shift = _input_factor(options.Beta(), node.per_tensor(source).scale)
    # Differences further below the largest input would overflow, and their exponentials vanish.
    reach = ((1 << INPUT_INTEGER_BITS) - 1) << (31 - INPUT_INTEGER_BITS)
    return [
        Softmax(
            name=node.name,
            inputs=(source.name,),
            outputs=(output.name,),
            input_multiplier=multiplier,
            input_left_shift=left_shift,
            diff_min=-(reach >> left_shift),
        )
    ]


def _input_factor(beta: float, scale: float) -> tuple[int, int]:
    """beta * scale in Q5.26 as multiplier and shift. Source: LiteRT PreprocessSoftmaxScaling."""
    real = min(beta * scale * (1 << (31 - INPUT_INTEGER_BITS)), float((1 << 31) - 1))
    if not (math.isfinite(real) and real > 1):
        raise Unsupported(f"beta {beta:g} times the input's scale {scale:g} is too small")
    return quantize_multiplier(real)
