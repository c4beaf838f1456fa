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
from utvm.importers.tflite.rows.arg_max import arg_max
from utvm.importers.tflite.rows.convolution import conv_2d, depthwise_conv_2d, transpose_conv
from utvm.importers.tflite.rows.elementwise import add, multiply, subtract
from utvm.importers.tflite.rows.fully_connected import fully_connected
from utvm.importers.tflite.rows.join import concatenation, pack
from utvm.importers.tflite.rows.lstm import unidirectional_sequence_lstm
from utvm.importers.tflite.rows.mean import mean
from utvm.importers.tflite.rows.pad import pad
from utvm.importers.tflite.rows.pooling import average_pool_2d, max_pool_2d
from utvm.importers.tflite.rows.quantize import dequantize, quantize
from utvm.importers.tflite.rows.resize import resize_bilinear, resize_nearest
from utvm.importers.tflite.rows.shape import expand_dims, reshape, squeeze
from utvm.importers.tflite.rows.slicing import slice_, split, split_v, unpack
from utvm.importers.tflite.rows.softmax import softmax
from utvm.importers.tflite.rows.strided_slice import strided_slice
from utvm.importers.tflite.rows.svdf import svdf
from utvm.importers.tflite.rows.transpose import transpose
from utvm.importers.tflite.rows.variables import assign_variable, call_once, read_variable, var_handle
from utvm.model.operator_types import Operator


@dataclass(frozen=True)
class Row:
    """How one TFLite operator becomes operators of the model, and its newest version that is understood."""

    convert: Callable[[Node], list[Operator]]
    max_version: int


ROWS: dict[str, Row] = {
    "ARG_MAX": Row(arg_max, 2),
    "ASSIGN_VARIABLE": Row(assign_variable, 1),
    "CALL_ONCE": Row(call_once, 1),
    "CONCATENATION": Row(concatenation, 7),
    "CONV_2D": Row(conv_2d, 8),
    "DEPTHWISE_CONV_2D": Row(depthwise_conv_2d, 6),
    "DEQUANTIZE": Row(dequantize, 9),
    "EXPAND_DIMS": Row(expand_dims, 1),
    "TRANSPOSE_CONV": Row(transpose_conv, 5),
    "FULLY_CONNECTED": Row(fully_connected, 14),
    "ADD": Row(add, 5),
    "SUB": Row(subtract, 5),
    "MUL": Row(multiply, 7),
    "AVERAGE_POOL_2D": Row(average_pool_2d, 3),
    "MAX_POOL_2D": Row(max_pool_2d, 3),
    "MEAN": Row(mean, 3),
    "SOFTMAX": Row(softmax, 3),
    "HARD_SWISH": Row(hard_swish, 1),
    "LEAKY_RELU": Row(leaky_relu, 2),
    "LOGISTIC": Row(logistic, 3),
    "PACK": Row(pack, 5),
    "PAD": Row(pad, 6),
    "PADV2": Row(pad, 6),
    "QUANTIZE": Row(quantize, 6),
    "READ_VARIABLE": Row(read_variable, 1),
    "RELU": Row(relu, 3),
    "RELU6": Row(relu6, 3),
    "RELU_0_TO_1": Row(relu_0_to_1, 1),
    "RELU_N1_TO_1": Row(relu_n1_to_1, 1),
    "RESHAPE": Row(reshape, 1),
    "RESIZE_BILINEAR": Row(resize_bilinear, 4),
    "RESIZE_NEAREST_NEIGHBOR": Row(resize_nearest, 4),
    "SLICE": Row(slice_, 8),
    "SPLIT": Row(split, 5),
    "SPLIT_V": Row(split_v, 3),
    "SQUEEZE": Row(squeeze, 1),
    "STRIDED_SLICE": Row(strided_slice, 4),
    "SVDF": Row(svdf, 4),
    "TANH": Row(tanh, 3),
    "TRANSPOSE": Row(transpose, 8),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Row(unidirectional_sequence_lstm, 4),
    "UNPACK": Row(unpack, 6),
    "VAR_HANDLE": Row(var_handle, 1),
}
