"""Convolutions in groups, depthwise ones among them, as Conv2Ds whose groups begin at even channels of a pixel."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from utvm.model.operator_types import Conv2D, DepthwiseConv2D
from utvm.model.tensor import Array, Tensor, constant
from utvm.schedules.template import Site


def grouped_site(site: Site) -> Site:
    """The same convolution of the same tensors; other operators, and unknown weights, as they are.

    Where groups have an odd number of channels, two make one (or all, where their number is odd, too): the weights
    between them are zero.
    """
    operator, weights = site.operator, site.inputs[1].data if len(site.inputs) > 1 else None
    if not isinstance(operator, Conv2D | DepthwiseConv2D) or weights is None:
        return site
    return _grouped(site)


@lru_cache(maxsize=8)
def _grouped(site: Site) -> Site:
    image, stored, bias = site.inputs
    operator, weights = site.operator, stored.data
    assert weights is not None
    if isinstance(operator, DepthwiseConv2D):
        operator = Conv2D(
            name=operator.name,
            inputs=operator.inputs,
            outputs=operator.outputs,
            strides=operator.strides,
            padding=operator.padding,
            dilation=operator.dilation,
            input_zero_point=operator.input_zero_point,
            requantization=operator.requantization,
            output_zero_point=operator.output_zero_point,
            clamp=operator.clamp,
        )
        weights = np.transpose(weights, (3, 1, 2, 0))
    groups = image.shape[3] // weights.shape[3]
    if groups > 1 and weights.shape[3] % 2:
        weights = _joined(weights, groups, 2 if groups % 2 == 0 else groups)
    if operator is site.operator and weights is stored.data:
        return site
    return replace(site, operator=operator, inputs=(image, _constant(stored, weights), bias))


def _joined(weights: Array, groups: int, together: int) -> Array:
    """OHWI weights of `groups` groups as those of groups so many times as large, zero where they join nothing."""
    outputs, rows, columns, channels = weights.shape
    each = outputs // groups
    found = np.zeros((groups // together, together, each, rows, columns, together, channels), dtype=np.int8)
    given = weights.reshape(groups // together, together, each, rows, columns, channels)
    for member in range(together):
        found[:, member, :, :, :, member] = given[:, member]
    return found.reshape(outputs, rows, columns, together * channels)


def _constant(stored: Tensor, weights: Array) -> Tensor:
    return constant(stored.name, np.ascontiguousarray(weights))
