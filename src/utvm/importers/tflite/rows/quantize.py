"""QUANTIZE and DEQUANTIZE."""

from __future__ import annotations

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.activations import lookup
from utvm.importers.tflite.rows.requantization import double_rounding
from utvm.importers.tflite.rows.scales import require_ratio, stored_quantization
from utvm.model.operator_types import Dequantize, Operator, Quantize, Requantize, StoredDtype
from utvm.model.tensor import Tensor
from utvm.operators.tables import requantize_table


def quantize(node: Node) -> list[Operator]:
    """float32 to int8, uint8 or int16, or one of these to another quantization."""
    source, output = node.input(0), node.output()
    node.require_dtype(source, "float32", "int8", "uint8", "int16")
    output_quantization = stored_quantization(node, output)
    if source.dtype == "float32":
        return [
            Quantize(
                name=node.name,
                inputs=(source.name,),
                outputs=(output.name,),
                scale=output_quantization.scale,
                zero_point=output_quantization.zero_point,
                output_dtype=_stored(output),
            )
        ]
    input_quantization = stored_quantization(node, source)
    if "int16" in (source.dtype, output.dtype):
        return _requantize(node, source, output)
    require_ratio(input_quantization, output_quantization)
    table = requantize_table(input_quantization, output_quantization, source.dtype, output.dtype)
    return lookup(node, "requantize", table, output.dtype)


def _requantize(node: Node, source: Tensor, output: Tensor) -> list[Operator]:
    """By double rounding, wherever a table of bytes does not do."""
    if "uint8" in (source.dtype, output.dtype):
        raise Unsupported(f"{source.dtype} to {output.dtype} is not supported")
    before, after = stored_quantization(node, source), stored_quantization(node, output)
    return [
        Requantize(
            name=node.name,
            inputs=(source.name,),
            outputs=(output.name,),
            input_zero_point=before.zero_point,
            requantization=double_rounding([before.scale / after.scale]),
            output_zero_point=after.zero_point,
            output_dtype=_stored(output),
        )
    ]


def _stored(tensor: Tensor) -> StoredDtype:
    return "int16" if tensor.dtype == "int16" else "uint8" if tensor.dtype == "uint8" else "int8"


def dequantize(node: Node) -> list[Operator]:
    """int8, uint8 or int16 to float32."""
    source, output = node.input(0), node.output()
    node.require_dtype(source, "int8", "uint8", "int16")
    node.require_dtype(output, "float32")
    quantization = stored_quantization(node, source)
    return [
        Dequantize(
            name=node.name,
            inputs=(source.name,),
            outputs=(output.name,),
            scale=quantization.scale,
            zero_point=quantization.zero_point,
        )
    ]
