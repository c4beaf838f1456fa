"""ARG_MAX."""

from __future__ import annotations

import tflite

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.axes import axis_of, constant_scalar
from utvm.model.operator_types import ArgMax, Operator


def arg_max(node: Node) -> list[Operator]:
    """int8, uint8 or int32; the axis is a constant."""
    source = node.input(0)
    node.require_dtype(source, "int8", "uint8", "int32")
    output_type = node.options(tflite.ArgMaxOptions).OutputType()
    if output_type not in (tflite.TensorType.INT32, tflite.TensorType.INT64):
        raise Unsupported(f"output type {output_type} is neither int32 nor int64")
    return [
        ArgMax(
            name=node.name,
            inputs=(source.name,),
            outputs=(node.output().name,),
            axis=axis_of(node, constant_scalar(node, 1, "int32", "int64"), len(source.shape)),
            output_dtype="int64" if output_type == tflite.TensorType.INT64 else "int32",
        )
    ]
