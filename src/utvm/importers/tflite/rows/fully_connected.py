"""FULLY_CONNECTED, between reshapes when its tensors do not have two axes."""

from __future__ import annotations

import tflite

from utvm.importers.tflite.activation import clamp_of
from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.convolution import bias_of
from utvm.model.operator_types import FullyConnected, Operator, Requantization, Reshape
from utvm.model.quantization import Quantization
from utvm.model.single_rounding import single_rounding


def fully_connected(node: Node) -> list[Operator]:
    """int8 input of any rank, int8 weights [O, K] constant or not, int32 bias or none."""
    options = node.options(tflite.FullyConnectedOptions)
    if options.WeightsFormat() != tflite.FullyConnectedOptionsWeightsFormat.DEFAULT:
        raise Unsupported(f"weights format {options.WeightsFormat()} is not supported")
    source, weights, output = node.input(0), node.input(1), node.output()
    for tensor in (source, weights, output):
        node.require_dtype(tensor, "int8")
    node.require_rank(weights, 2)
    units, depth = weights.shape
    batch, remainder = divmod(source.element_count, depth)
    if remainder:
        raise node.malformed(f"{source} does not divide into rows of {depth}")
    shape = (*source.shape[:-1], units) if options.KeepNumDims() else (batch, units)
    if options.KeepNumDims() and (not source.shape or source.shape[-1] != depth):
        raise node.malformed(f"{source} must keep its axes but does not end in rows of {depth}")
    if output.shape != shape:
        raise node.malformed(f"{output} should have shape {list(shape)}")

    input_quantization, output_quantization = node.per_tensor(source), node.per_tensor(output)
    weights_quantization = node.quantization(weights)
    if weights_quantization.per_channel and weights_quantization.axis != 0:
        raise Unsupported(f"weights {weights.name} are quantized along axis {weights_quantization.axis}, not 0")
    rows, row_outputs = (batch, depth), (batch, units)
    operators: list[Operator] = []
    row_input = source.name
    if source.shape != rows:
        row_input = node.add_tensor("rows", rows, "int8", source.quantization)
        operators.append(Reshape(name=f"{node.name}/to_rows", inputs=(source.name,), outputs=(row_input,), shape=rows))
    row_output = output.name
    if output.shape != row_outputs:
        row_output = node.add_tensor("row_outputs", row_outputs, "int8", output.quantization)
    operators.append(
        FullyConnected(
            name=node.name,
            inputs=(row_input, weights.name, bias_of(node, 2, units)),
            outputs=(row_output,),
            input_zero_point=input_quantization.zero_point,
            # LiteRT ignores the zero points of weights that are quantized per channel.
            weights_zero_point=0 if weights_quantization.per_channel else weights_quantization.zero_point,
            requantization=_requantization(input_quantization, weights_quantization, output_quantization),
            output_zero_point=output_quantization.zero_point,
            clamp=clamp_of(options.FusedActivationFunction(), output_quantization),
        )
    )
    if output.shape != row_outputs:
        name = f"{node.name}/from_rows"
        operators.append(Reshape(name=name, inputs=(row_output,), outputs=(output.name,), shape=shape))
    return operators


def _requantization(input_: Quantization, weights: Quantization, output: Quantization) -> Requantization:
    """Factors in double precision; LiteRT multiplies by them and rounds once."""
    try:
        return single_rounding([input_.scale * scale / output.scale for scale in weights.scales])
    except ValueError as reason:
        raise Unsupported(str(reason)) from reason
