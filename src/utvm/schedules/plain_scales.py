"""The scales of an operator's output channels in 32-bit products, from its weights, bias and requantization."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from utvm.microkernels.scaling import SplitScale, split_scale, steps_of
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import Conv2D, DepthwiseConv2D, FullyConnected
from utvm.model.tensor import Array
from utvm.schedules.template import Site


def rows_of_weights(site: Site) -> Array:
    """int8 [output channels, taps], taps in the order of the weights."""
    weights = site.inputs[1].data
    assert weights is not None
    if isinstance(site.operator, DepthwiseConv2D):
        return np.asarray(weights[0].reshape(-1, weights.shape[3]).T)
    return weights.reshape(weights.shape[0], -1)


@lru_cache(maxsize=512)
def scales_of(site: Site) -> tuple[SplitScale, ...] | str:
    """One per output channel, for sums of weights and inputs as they are; or why there is none."""
    operator = site.operator
    assert isinstance(operator, Conv2D | DepthwiseConv2D | FullyConnected)
    bias = site.inputs[2].data
    assert bias is not None
    wide = rows_of_weights(site).astype(np.int64)
    positive, negative = np.maximum(wide, 0).sum(axis=1), np.minimum(wide, 0).sum(axis=1)
    ranges: tuple[Int64Array, Int64Array] = (127 * negative - 128 * positive, 127 * positive - 128 * negative)
    folded = bias.astype(np.int64) - operator.input_zero_point * wide.sum(axis=1)
    steps = steps_of(ranges, folded, operator.requantization, operator.output_zero_point, operator.clamp)
    if isinstance(steps, str):
        return steps
    scales = tuple(scale for scale in map(split_scale, steps) if scale is not None)
    return scales if len(scales) == len(steps) else "a channel's scale is not exact in 32-bit products"
