"""CONCATENATION and PACK."""

from __future__ import annotations

import tflite

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.axes import axis_of
from utvm.importers.tflite.rows.scales import byte_quantization, same_quantization
from utvm.model.operator_types import Concatenation, Lookup, Operator, Reshape
from utvm.model.tensor import Tensor
from utvm.operators.tables import rescaled_table


def concatenation(node: Node) -> list[Operator]:
    """Inputs joined along an axis. uint8 inputs of other quantizations are rescaled, as LiteRT does."""
    options = node.options(tflite.ConcatenationOptions)
    if options.FusedActivationFunction() != tflite.ActivationFunctionType.NONE:
        raise Unsupported(f"fused activation {options.FusedActivationFunction()} is not supported")
    sources, output = _sources(node), node.output()
    axis = axis_of(node, options.Axis(), len(sources[0].shape))
    rescaled: list[Operator] = []
    names: list[str] = []
    for index, source in enumerate(sources):
        if source.dtype == "uint8" and not same_quantization(source, output):
            rescaled.append(_rescale(node, index, source, output))
            names.append(rescaled[-1].outputs[0])
        else:
            names.append(source.name)
    joined = Concatenation(name=node.name, inputs=tuple(names), outputs=(output.name,), axis=axis)
    return [*rescaled, joined]


def pack(node: Node) -> list[Operator]:
    """Inputs of one shape stacked along a new axis: each is given that axis, then they are joined."""
    options = node.options(tflite.PackOptions)
    if options.ValuesCount() != node.input_count:
        raise node.malformed(f"it says it has {options.ValuesCount()} inputs and has {node.input_count}")
    sources, output = _sources(node), node.output()
    axis = axis_of(node, options.Axis(), len(sources[0].shape) + 1)
    reshapes: list[Operator] = []
    for index, source in enumerate(sources):
        if not same_quantization(source, output):
            raise Unsupported(f"input {index} ({source.name}) is quantized otherwise than the output")
        shape = (*source.shape[:axis], 1, *source.shape[axis:])
        name = node.add_tensor(f"input{index}", shape, source.dtype, source.quantization)
        reshapes.append(Reshape(name=f"{node.name}/{index}", inputs=(source.name,), outputs=(name,), shape=shape))
    names = tuple(reshape.outputs[0] for reshape in reshapes)
    return [*reshapes, Concatenation(name=node.name, inputs=names, outputs=(output.name,), axis=axis)]


def _sources(node: Node) -> list[Tensor]:
    if node.input_count == 0:
        raise node.malformed("it has no inputs")
    sources = [node.input(index) for index in range(node.input_count)]
    for index, source in enumerate(sources):
        if source.dtype == "int8" and not same_quantization(source, node.output()):
            raise Unsupported(f"input {index} ({source.name}) is quantized otherwise than the output")
    return sources


def _rescale(node: Node, index: int, source: Tensor, output: Tensor) -> Operator:
    quantization = byte_quantization(node, output)
    return Lookup(
        name=f"{node.name}/{index}",
        inputs=(source.name,),
        outputs=(node.add_tensor(f"input{index}", source.shape, "uint8", quantization),),
        function="rescale",
        table=rescaled_table(byte_quantization(node, source), quantization),
        output_dtype="uint8",
    )
