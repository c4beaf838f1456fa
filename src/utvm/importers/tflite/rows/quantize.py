"""QUANTIZE and DEQUANTIZE."""

from __future__ import annotations

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.activations import lookup
from utvm.importers.tflite.rows.scales import byte_quantization, require_ratio
from utvm.model.operator_types import Dequantize, Operator, Quantize
from utvm.operators.tables import requantize_table


def quantize(node: Node) -> list[Operator]:
    """float32 to int8 or uint8, or one of these to another quantization."""
    source, output = node.input(0), node.output()
    node.require_dtype(source, "float32", "int8", "uint8")
    output_quantization = byte_quantization(node, output)
    if source.dtype == "float32":
        return [
            Quantize(
                name=node.name,
                inputs=(source.name,),
                outputs=(output.name,),
                scale=output_quantization.scale,
                zero_point=output_quantization.zero_point,
                output_dtype="uint8" if output.dtype == "uint8" else "int8",
            )
        ]
    input_quantization = byte_quantization(node, source)
    require_ratio(input_quantization, output_quantization)
    table = requantize_table(input_quantization, output_quantization, source.dtype, output.dtype)
    return lookup(node, "requantize", table, output.dtype)


def dequantize(node: Node) -> list[Operator]:
    """int8, uint8 or int16 to float32."""
    source, output = node.input(0), node.output()
    node.require_dtype(source, "int8", "uint8", "int16")
    node.require_dtype(output, "float32")
    if source.dtype == "int16":
        quantization = node.per_tensor(source)
        if quantization.zero_point != 0:
            raise Unsupported(f"the zero point of {source} is {quantization.zero_point}; int16 needs 0")
    else:
        quantization = byte_quantization(node, source)
    return [
        Dequantize(
            name=node.name,
            inputs=(source.name,),
            outputs=(output.name,),
            scale=quantization.scale,
            zero_point=quantization.zero_point,
        )
    ]
