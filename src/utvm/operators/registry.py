"""Which rule belongs to which operator kind: the one table to extend for a new operator."""

from __future__ import annotations

from typing import Any

import numpy as np

from utvm.errors import ModelError
from utvm.model import operator_types as kinds
from utvm.model.graph import Model, check_structure
from utvm.model.tensor import Array
from utvm.operators.add import AddRule
from utvm.operators.arg_max import ArgMaxRule
from utvm.operators.concatenation import ConcatenationRule
from utvm.operators.conv2d import Conv2DRule
from utvm.operators.depthwise_conv2d import DepthwiseConv2DRule
from utvm.operators.fully_connected import FullyConnectedRule
from utvm.operators.lookup import LookupRule
from utvm.operators.mean import MeanRule
from utvm.operators.mul import MulRule
from utvm.operators.pad import PadRule
from utvm.operators.pool2d import Pool2DRule
from utvm.operators.quantize import DequantizeRule, QuantizeRule
from utvm.operators.requantize import RequantizeRule
from utvm.operators.reshape import ReshapeRule
from utvm.operators.resize_bilinear import ResizeBilinearRule
from utvm.operators.resize_nearest import ResizeNearestRule
from utvm.operators.rule import OperatorRule, TensorType
from utvm.operators.softmax import SoftmaxRule
from utvm.operators.strided_slice import StridedSliceRule
from utvm.operators.svdf import SVDFRule
from utvm.operators.transpose import TransposeRule
from utvm.operators.transpose_conv2d import TransposeConv2DRule
from utvm.operators.unidirectional_lstm import UnidirectionalLSTMRule

RULES: dict[type[kinds.Operator], OperatorRule[Any]] = {
    kinds.Conv2D: Conv2DRule(),
    kinds.DepthwiseConv2D: DepthwiseConv2DRule(),
    kinds.TransposeConv2D: TransposeConv2DRule(),
    kinds.FullyConnected: FullyConnectedRule(),
    kinds.SVDF: SVDFRule(),
    kinds.UnidirectionalLSTM: UnidirectionalLSTMRule(),
    kinds.Add: AddRule(),
    kinds.Mul: MulRule(),
    kinds.Pool2D: Pool2DRule(),
    kinds.Mean: MeanRule(),
    kinds.Softmax: SoftmaxRule(),
    kinds.Reshape: ReshapeRule(),
    kinds.Lookup: LookupRule(),
    kinds.Quantize: QuantizeRule(),
    kinds.Requantize: RequantizeRule(),
    kinds.Dequantize: DequantizeRule(),
    kinds.Pad: PadRule(),
    kinds.Concatenation: ConcatenationRule(),
    kinds.StridedSlice: StridedSliceRule(),
    kinds.Transpose: TransposeRule(),
    kinds.ResizeNearest: ResizeNearestRule(),
    kinds.ResizeBilinear: ResizeBilinearRule(),
    kinds.ArgMax: ArgMaxRule(),
}


def rule_of(operator: kinds.Operator) -> OperatorRule[Any]:
    """The rule of an operator's kind."""
    try:
        return RULES[type(operator)]
    except KeyError:
        raise ModelError(f"no operator kind {type(operator).__name__} is registered ({operator.name})") from None


def check_model(model: Model) -> None:
    """Raise ModelError unless the graph is well formed and every shape and dtype is what its operator gives."""
    check_structure(model)
    for operator in model.operators:
        inferred = rule_of(operator).infer(operator, model.input_tensors(operator))
        declared = tuple(TensorType(tensor.shape, tensor.dtype) for tensor in model.output_tensors(operator))
        if inferred != declared:
            raise ModelError(
                f"{model.name}: {type(operator).__name__} {operator.name} gives {_text(inferred)},"
                f" but the model says {_text(declared)}"
            )


def _text(types: tuple[TensorType, ...]) -> str:
    return ", ".join(f"{item.dtype}{list(item.shape)}" for item in types)


def run_reference(model: Model, inputs: dict[str, Array], keep: bool = False) -> dict[str, Array]:
    """The model's outputs by name, computed by the references; with `keep`, every tensor's value.

    States have their initial values.
    """
    values = _run(model, inputs, {state.tensor: state.initial for state in model.states})
    return values if keep else {name: values[name] for name in model.outputs}


class ReferenceSequence:
    """Runs of a model by the references, one after the other: each begins with the states that the last one left."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._states: dict[str, Array] = {}
        self.reset()

    def reset(self) -> None:
        """Give the states their initial values again."""
        self._states = {state.tensor: state.initial for state in self._model.states}

    def run(self, inputs: dict[str, Array], keep: bool = False) -> dict[str, Array]:
        """The outputs of the next run, as run_reference gives them."""
        values = _run(self._model, inputs, self._states)
        self._states = {state.tensor: np.array(values[state.update]) for state in self._model.states}
        return values if keep else {name: values[name] for name in self._model.outputs}


def _run(model: Model, inputs: dict[str, Array], states: dict[str, Array]) -> dict[str, Array]:
    """Every tensor's value."""
    values: dict[str, Array] = {name: tensor.data for name, tensor in model.tensors.items() if tensor.data is not None}
    values |= states
    for name in model.inputs:
        tensor = model.tensors[name]
        value = inputs.get(name)
        if value is None:
            raise ModelError(f"{model.name}: no value given for input {tensor}")
        if value.shape != tensor.shape or value.dtype.name != tensor.dtype:
            raise ModelError(f"{model.name}: input {tensor} was given {value.dtype.name}{list(value.shape)}")
        values[name] = value
    for operator in model.operators:
        outputs = rule_of(operator).reference(operator, tuple(values[name] for name in operator.inputs))
        values.update(zip(operator.outputs, outputs, strict=True))
    return values
