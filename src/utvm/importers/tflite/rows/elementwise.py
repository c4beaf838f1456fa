"""ADD, SUB, MUL."""

from __future__ import annotations

import numpy as np
import tflite

from utvm.importers.tflite.activation import clamp_of
from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.requantization import double_rounding
from utvm.model.operator_types import Add, Mul, Operator, Requantization
from utvm.model.quantization import Quantization
from utvm.model.tensor import Tensor

LEFT_SHIFT = 20


def add(node: Node) -> list[Operator]:
    """int8 operands that broadcast."""
    options = node.options(tflite.AddOptions)
    return _sum(node, options.FusedActivationFunction(), subtract=False)


def subtract(node: Node) -> list[Operator]:
    """int8 operands that broadcast."""
    options = node.options(tflite.SubOptions)
    return _sum(node, options.FusedActivationFunction(), subtract=True)


def _sum(node: Node, activation: int, subtract: bool) -> list[Operator]:
    a, b, output = _operands(node)
    quantizations = node.per_tensor(a), node.per_tensor(b)
    output_quantization = node.per_tensor(output)
    # Inputs are brought to twice the larger scale, and from there to the output's. (LiteRT doubles a float32, exactly.)
    twice_largest = 2 * max(each.scale for each in quantizations)
    return [
        Add(
            name=node.name,
            inputs=(a.name, b.name),
            outputs=(output.name,),
            subtract=subtract,
            left_shift=LEFT_SHIFT,
            input_zero_points=(quantizations[0].zero_point, quantizations[1].zero_point),
            input_requantizations=(
                _below_one(quantizations[0].scale / twice_largest),
                _below_one(quantizations[1].scale / twice_largest),
            ),
            output_requantization=_below_one(twice_largest / ((1 << LEFT_SHIFT) * output_quantization.scale)),
            output_zero_point=output_quantization.zero_point,
            clamp=clamp_of(activation, output_quantization),
        )
    ]


def multiply(node: Node) -> list[Operator]:
    """int8 operands that broadcast."""
    options = node.options(tflite.MulOptions)
    a, b, output = _operands(node)
    quantizations = node.per_tensor(a), node.per_tensor(b)
    output_quantization = node.per_tensor(output)
    return [
        Mul(
            name=node.name,
            inputs=(a.name, b.name),
            outputs=(output.name,),
            input_zero_points=(quantizations[0].zero_point, quantizations[1].zero_point),
            requantization=_float32_factor(*quantizations, output_quantization),
            output_zero_point=output_quantization.zero_point,
            clamp=clamp_of(options.FusedActivationFunction(), output_quantization),
        )
    ]


def _operands(node: Node) -> tuple[Tensor, Tensor, Tensor]:
    a, b, output = node.input(0), node.input(1), node.output()
    for tensor in (a, b, output):
        node.require_dtype(tensor, "int8")
    return a, b, output


def _below_one(real: float) -> Requantization:
    """A factor that LiteRT demands to be below one, also after its rounding to 31 bits."""
    requantization = double_rounding([real])
    if requantization.shifts[0] > 0:
        raise Unsupported(f"the output's scale is too fine: the factor {real:g} is not below 1")
    return requantization


def _float32_factor(a: Quantization, b: Quantization, output: Quantization) -> Requantization:
    """The factor of a product, which LiteRT computes in float32."""
    with np.errstate(over="ignore"):
        real = float(np.float32(a.scale) * np.float32(b.scale) / np.float32(output.scale))
    return double_rounding([real])
