"""Activations of their own, on int8 and uint8: all become tables."""

from __future__ import annotations

import math

import tflite
from tflite import ActivationFunctionType

from utvm.importers.tflite.activation import clamp_of
from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.scales import byte_quantization, require_ratio
from utvm.model.operator_types import ByteDtype, Lookup, Operator
from utvm.model.quantization import Quantization
from utvm.model.tensor import Tensor
from utvm.operators import tables


def lookup(node: Node, function: str, table: tables.Table, output_dtype: str) -> list[Operator]:
    """The node as a table from its first input to its first output."""
    dtype: ByteDtype = "uint8" if output_dtype == "uint8" else "int8"
    return [
        Lookup(
            name=node.name,
            inputs=(node.input(0).name,),
            outputs=(node.output().name,),
            function=function,
            table=table,
            output_dtype=dtype,
        )
    ]


def _quantizations(node: Node) -> tuple[Tensor, Quantization, Quantization]:
    source, output = node.input(0), node.output()
    input_quantization = byte_quantization(node, source)
    node.require_dtype(output, source.dtype)
    return source, input_quantization, byte_quantization(node, output)


def _stored_range(dtype: str) -> tuple[int, int]:
    return (0, 255) if dtype == "uint8" else (-128, 127)


def _relu(node: Node, function: str, *activations: int) -> list[Operator]:
    """Limited by every one of the fused activations named."""
    source, input_quantization, output_quantization = _quantizations(node)
    require_ratio(input_quantization, output_quantization)
    low, high = _stored_range(source.dtype)
    for activation in activations:
        low, high = clamp_of(activation, output_quantization, low, high)
    table = tables.relu_table(input_quantization, output_quantization, source.dtype, (low, high))
    return lookup(node, function, table, source.dtype)


def relu(node: Node) -> list[Operator]:
    """max(x, 0)"""
    return _relu(node, "relu", ActivationFunctionType.RELU)


def relu6(node: Node) -> list[Operator]:
    """min(max(x, 0), 6)"""
    return _relu(node, "relu6", ActivationFunctionType.RELU6)


def relu_n1_to_1(node: Node) -> list[Operator]:
    """min(max(x, -1), 1)"""
    return _relu(node, "relu_n1_to_1", ActivationFunctionType.RELU_N1_TO_1)


def relu_0_to_1(node: Node) -> list[Operator]:
    """min(max(x, 0), 1)"""
    return _relu(node, "relu_0_to_1", ActivationFunctionType.RELU, ActivationFunctionType.RELU_N1_TO_1)


def leaky_relu(node: Node) -> list[Operator]:
    """x where x >= 0, alpha * x below."""
    alpha = float(node.options(tflite.LeakyReluOptions).Alpha())
    if not math.isfinite(alpha):
        raise node.malformed(f"alpha is {alpha}")
    source, input_quantization, output_quantization = _quantizations(node)
    require_ratio(input_quantization, output_quantization)
    require_ratio(input_quantization, output_quantization, alpha)
    table = tables.leaky_relu_table(input_quantization, output_quantization, source.dtype, alpha)
    return lookup(node, "leaky_relu", table, source.dtype)


def logistic(node: Node) -> list[Operator]:
    """1 / (1 + exp(-x)); LiteRT fixes the output's scale."""
    source, input_quantization, output_quantization = _quantizations(node)
    if output_quantization.scale != 1 / 256:
        raise Unsupported(f"the output's scale is {output_quantization.scale:g}, not 1/256")
    return lookup(
        node, "logistic", tables.logistic_table(input_quantization, output_quantization, source.dtype), source.dtype
    )


def tanh(node: Node) -> list[Operator]:
    """tanh(x)"""
    source, input_quantization, output_quantization = _quantizations(node)
    return lookup(node, "tanh", tables.tanh_table(input_quantization, output_quantization, source.dtype), source.dtype)


def hard_swish(node: Node) -> list[Operator]:
    """x * relu6(x + 3) / 6"""
    source, input_quantization, output_quantization = _quantizations(node)
    if not input_quantization.scale < 128 * output_quantization.scale or input_quantization.scale >= 1 << 20:
        raise Unsupported(
            f"LiteRT's 16-bit arithmetic cannot bring scale {input_quantization.scale:g} to"
            f" {output_quantization.scale:g}"
        )
    return lookup(
        node, "hard_swish", tables.hard_swish_table(input_quantization, output_quantization, source.dtype), source.dtype
    )
