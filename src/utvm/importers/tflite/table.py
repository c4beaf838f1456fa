"""Which TFLite operators are supported, up to which version, and by which row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from utvm.importers.tflite.node import Node
from utvm.importers.tflite.rows.activations import (
    hard_swish,
    leaky_relu,
    logistic,
    relu,
    relu6,
    relu_0_to_1,
    relu_n1_to_1,
    tanh,
)
from utvm.importers.tflite.rows.convolution import conv_2d
from utvm.importers.tflite.rows.quantize import dequantize, quantize
from utvm.importers.tflite.rows.shape import expand_dims, reshape, squeeze
from utvm.model.operator_types import Operator


@dataclass(frozen=True)
class Row:
    """How one TFLite operator becomes operators of the model, and its newest version that is understood."""

    convert: Callable[[Node], list[Operator]]
    max_version: int


ROWS: dict[str, Row] = {
    "CONV_2D": Row(conv_2d, 8),
    "DEQUANTIZE": Row(dequantize, 9),
    "EXPAND_DIMS": Row(expand_dims, 1),
    "HARD_SWISH": Row(hard_swish, 1),
    "LEAKY_RELU": Row(leaky_relu, 2),
    "LOGISTIC": Row(logistic, 3),
    "QUANTIZE": Row(quantize, 6),
    "RELU": Row(relu, 3),
    "RELU6": Row(relu6, 3),
    "RELU_0_TO_1": Row(relu_0_to_1, 1),
    "RELU_N1_TO_1": Row(relu_n1_to_1, 1),
    "RESHAPE": Row(reshape, 1),
    "SQUEEZE": Row(squeeze, 1),
    "TANH": Row(tanh, 3),
}
