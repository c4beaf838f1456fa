"""AVERAGE_POOL_2D, MAX_POOL_2D."""

from __future__ import annotations

from typing import Literal

import tflite

from utvm.importers.tflite.activation import clamp_of, padding_of, positive_pair
from utvm.importers.tflite.node import Node
from utvm.model.operator_types import Operator, Pool2D


def average_pool_2d(node: Node) -> list[Operator]:
    """int8 image."""
    return _pool(node, "average")


def max_pool_2d(node: Node) -> list[Operator]:
    """int8 image."""
    return _pool(node, "max")


def _pool(node: Node, kind: Literal["average", "max"]) -> list[Operator]:
    """LiteRT pools the stored integers, whatever the quantizations of input and output are."""
    options = node.options(tflite.Pool2DOptions)
    image, output = node.input(0), node.output()
    for tensor in (image, output):
        node.require_dtype(tensor, "int8")
        node.require_rank(tensor, 4)
    strides = positive_pair(node, "stride", options.StrideH(), options.StrideW())
    window = positive_pair(node, "window", options.FilterHeight(), options.FilterWidth())
    height, width = image.shape[1:3]
    return [
        Pool2D(
            name=node.name,
            inputs=(image.name,),
            outputs=(output.name,),
            kind=kind,
            window=window,
            strides=strides,
            padding=padding_of(options.Padding(), (height, width), window, strides),
            clamp=clamp_of(options.FusedActivationFunction(), node.per_tensor(output)),
        )
    ]
