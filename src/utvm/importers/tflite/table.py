"""Which TFLite operators are supported, up to which version, and by which row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from utvm.importers.tflite.node import Node
from utvm.importers.tflite.rows.convolution import conv_2d
from utvm.importers.tflite.rows.shape import expand_dims, reshape, squeeze
from utvm.model.operator_types import Operator


@dataclass(frozen=True)
class Row:
    """How one TFLite operator becomes operators of the model, and its newest version that is understood."""

    convert: Callable[[Node], list[Operator]]
    max_version: int


ROWS: dict[str, Row] = {
    "CONV_2D": Row(conv_2d, 8),
    "EXPAND_DIMS": Row(expand_dims, 1),
    "RESHAPE": Row(reshape, 1),
    "SQUEEZE": Row(squeeze, 1),
}
