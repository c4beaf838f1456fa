"""UNIDIRECTIONAL_SEQUENCE_LSTM, fully quantized with a cell state of 16 bits, as the converter writes Keras' LSTM."""

from __future__ import annotations

import math

import numpy as np
import tflite

from utvm.importers.tflite.node import Node, Unsupported
from utvm.importers.tflite.rows.requantization import double_rounding
from utvm.model.operator_types import LSTMGate, Operator, Requantization, UnidirectionalLSTM
from utvm.model.tensor import Array, Tensor

# Inputs of the operator in the file.
_INPUT_WEIGHTS = {"input": 1, "forget": 2, "cell": 3, "output": 4}
_RECURRENT_WEIGHTS = {"input": 5, "forget": 6, "cell": 7, "output": 8}
_BIASES = {"input": 12, "forget": 13, "cell": 14, "output": 15}
_OPTIONAL = {9: "a peephole", 10: "a peephole", 11: "a peephole", 16: "a projection", 17: "a projection",
             20: "layer normalization", 21: "layer normalization", 22: "layer normalization",
             23: "layer normalization"}  # fmt: skip
_OUTPUT_STATE, _CELL_STATE = 18, 19
_HIDDEN = 4  # among the intermediates
_GATE_SCALE = np.float32(2.0**-12)
_LARGEST_CELL_EXPONENT = -9


def unidirectional_sequence_lstm(node: Node) -> list[Operator]:
    """Four gates, or three with the input gate coupled to the forget gate."""
    options = node.options(tflite.UnidirectionalSequenceLSTMOptions)
    _check_options(options)
    for index, what in _OPTIONAL.items():
        if node.optional_input(index) is not None:
            raise Unsupported(f"{what} (input {index}) is not supported")
    source, output = node.input(0), node.output()
    output_state, cell_state = node.state(_OUTPUT_STATE), node.state(_CELL_STATE)
    for tensor in (source, output, output_state):
        node.require_dtype(tensor, "int8")
    node.require_dtype(cell_state, "int16")
    node.require_rank(source, 3)
    names = ["forget", "cell", "output"]
    names += ["input"] if node.optional_input(_INPUT_WEIGHTS["input"]) is not None else []
    if len(names) == 3 and any(node.optional_input(table["input"]) for table in (_RECURRENT_WEIGHTS, _BIASES)):
        raise node.malformed("it has recurrent weights or a bias for an input gate without input weights")
    hidden = node.intermediate(_HIDDEN)
    cell_exponent = _power_of_two(node, cell_state)
    gates, parameters = [], []
    for name in names:
        gate, tensors = _gate(node, name, source, output_state)
        gates.append(gate)
        parameters += tensors
    hidden_quantization = node.per_tensor(hidden)
    return [
        UnidirectionalLSTM(
            name=node.name,
            inputs=(source.name, output_state.name, cell_state.name, *parameters),
            outputs=(output.name, node.update_state(_OUTPUT_STATE), node.update_state(_CELL_STATE)),
            time_major=bool(options.TimeMajor()),
            gates=tuple(gates),
            cell_bits=15 + cell_exponent,
            cell_clip=_cell_clip(options.CellClip(), cell_state),
            hidden=_factor(np.float32(2.0**-15) / np.float32(hidden_quantization.scale) * np.float32(2.0**-15)),
            hidden_zero_point=hidden_quantization.zero_point,
        )
    ]


def _check_options(options: tflite.UnidirectionalSequenceLSTMOptions) -> None:
    if options.FusedActivationFunction() != tflite.ActivationFunctionType.TANH:
        raise Unsupported(f"activation {options.FusedActivationFunction()} is not supported, only TANH")
    if not 0 <= options.CellClip() < math.inf:
        raise Unsupported(f"a cell clip of {options.CellClip()} is not supported")
    if options.DiagonalRecurrentTensors():
        raise Unsupported("diagonal recurrent weights are not supported")


def _gate(node: Node, name: str, source: Tensor, output_state: Tensor) -> tuple[LSTMGate, list[str]]:
    """The gate's factors, and the names of its weights and of biases with the zero points' share added."""
    factors, weights, biases = [], [], []
    for table, operand in ((_INPUT_WEIGHTS, source), (_RECURRENT_WEIGHTS, output_state)):
        tensor = node.input(table[name])
        node.require_dtype(tensor, "int8")
        node.require_rank(tensor, 2)
        quantization, weight_quantization = node.per_tensor(operand), node.per_tensor(tensor)
        with np.errstate(all="ignore"):
            scale = np.float32(weight_quantization.scale) * np.float32(quantization.scale) / _GATE_SCALE
        factors.append(_factor(scale))
        data = node.constant_input(table[name])
        weights.append(tensor.name)
        biases.append(-quantization.zero_point * data.astype(np.int64).sum(axis=1))
    stated = node.optional_input(_BIASES[name])
    if stated is not None:
        node.require_dtype(stated, "int32")
        bias = node.constant_input(_BIASES[name])
        if bias.shape != biases[0].shape:
            raise node.malformed(f"bias {stated} does not have one element for each of {len(biases[0])} cells")
        biases[0] = biases[0] + bias
    names = [
        node.add_constant(f"{name}_{what}bias", _int32(node, b))
        for what, b in zip(("", "recurrent_"), biases, strict=True)
    ]
    return LSTMGate(factors[0], factors[1]), [*weights, *names]


def _int32(node: Node, values: Array) -> Array:
    if np.abs(values).max() >= 1 << 31:
        raise node.malformed("a bias leaves 32 bits when the zero point's share is added")
    return values.astype(np.int32)


def _factor(real: np.float32) -> Requantization:
    return double_rounding([float(real)])


def _power_of_two(node: Node, cell_state: Tensor) -> int:
    """The exponent of the cell state's scale, as LiteRT takes it."""
    exponent = math.log2(node.per_tensor(cell_state).scale)
    if abs(exponent - round(exponent)) >= 1e-3:
        raise Unsupported(f"the cell state's scale {node.per_tensor(cell_state).scale:g} is not a power of two")
    if not -15 <= round(exponent) <= _LARGEST_CELL_EXPONENT:
        raise Unsupported(f"a cell state's scale of 2**{round(exponent)} is not supported, only 2**-15 to 2**-9")
    return round(exponent)


def _cell_clip(clip: float, cell_state: Tensor) -> int:
    """The stored limit of the cell state; 0 where there is none. (LiteRT truncates.)"""
    if clip <= 0 or cell_state.quantization is None:
        return 0
    with np.errstate(over="ignore"):
        stored = float(np.float32(clip) / np.float32(cell_state.quantization.scale))
    return int(min(max(stored, -32768.0), 32767.0))
