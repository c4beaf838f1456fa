"""PAD and PADV2."""

from __future__ import annotations

import math

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.axes import constant_integers
from utvm.importers.tflite.rows.scales import same_quantization
from utvm.model.operator_types import Operator, Pad


def pad(node: Node) -> list[Operator]:
    """Padding by a constant; without one by zero, which a quantized tensor stores as its zero point.

    Source: LiteRT kernels/pad.cc.
    """
    source = node.input(0)
    paddings = constant_integers(node, 1, "int32", "int64", "int16", "int8")
    if paddings.shape != (len(source.shape), 2) or paddings.min(initial=0) < 0:
        raise node.malformed(f"paddings of shape {list(paddings.shape)} do not fit {source}")
    pairs = tuple((int(before), int(after)) for before, after in paddings)
    return [
        Pad(
            name=node.name,
            inputs=(source.name,),
            outputs=(node.output().name,),
            paddings=pairs,
            value=_zero(node) if node.optional_input(2) is None else _stated_value(node),
        )
    ]


def _quantized(node: Node) -> bool:
    source = node.input(0)
    return source.dtype == "uint8" or (source.dtype in ("int8", "int16") and source.quantization is not None)


def _zero(node: Node) -> int:
    output = node.output()
    if not _quantized(node) or output.quantization is None:
        return 0
    return node.per_tensor(output).zero_point


def _stated_value(node: Node) -> int | float:
    source, stated, output = node.input(0), node.input(2), node.output()
    value = node.constant_input(2)
    if stated.dtype != source.dtype or value.size != 1:
        raise node.malformed(f"the value {stated} is not one {source.dtype}")
    if _quantized(node) and not same_quantization(stated, output):
        raise Unsupported(f"the value {stated.name} is quantized otherwise than the output")
    number = value.reshape(-1)[0].item()
    if not math.isfinite(number):
        raise Unsupported(f"the value is {number}")
    return int(number) if source.dtype != "float32" else float(number)
