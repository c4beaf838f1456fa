"""The input zero point's share of every accumulator, known at compile time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from utvm.errors import ModelError
from utvm.model.fixed_point import INT32_MAX, Int64Array
from utvm.model.graph import Model
from utvm.model.operator_types import Conv2D, DepthwiseConv2D, FullyConnected, Operator
from utvm.model.tensor import Array, Tensor, constant
from utvm.rewrites.editing import fresh_name

Weighted = Conv2D | DepthwiseConv2D | FullyConnected


def fold_input_zero_point(model: Model) -> Model:
    """Subtract zero_point * sum(weights) from the bias, so that the inner loop multiplies inputs as they are stored.

    Only where that is exact: no padding (a padded tap is skipped, not multiplied), symmetric weights, and neither the
    new bias nor any partial sum can leave int32. The new bias is a tensor of its own.
    """
    tensors = dict(model.tensors)
    # A constant listed as model input is given a value at run time.
    known = {name for name, tensor in model.tensors.items() if tensor.is_constant}.difference(model.inputs)
    sums = _WeightSums()
    # Operators alike in weights, bias and zero point share the new bias; None: it could overflow.
    biases: dict[tuple[str, str, int], str | None] = {}
    operators: list[Operator] = []
    for operator in model.operators:
        if isinstance(operator, Conv2D | DepthwiseConv2D | FullyConnected) and _is_foldable(operator, known):
            _, weights, bias = operator.inputs
            key = (weights, bias, operator.input_zero_point)
            if key not in biases:
                biases[key] = _add_folded_bias(tensors, operator, sums)
            name = biases[key]
            if name is not None:
                operator = replace(operator, inputs=(*operator.inputs[:2], name), input_zero_point=0)
        operators.append(operator)
    return model.with_operators(tuple(operators), tensors)


def _is_foldable(operator: Weighted, known: set[str]) -> bool:
    exact = operator.weights_zero_point == 0 if isinstance(operator, FullyConnected) else not operator.padding.any
    return exact and operator.input_zero_point != 0 and known.issuperset(operator.inputs[1:])


class _WeightSums:
    """Per output channel the sum of the weights and of their magnitudes; each tensor is summed once."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, bool], tuple[Int64Array, Int64Array]] = {}

    def of(self, weights: Tensor, channels_last: bool) -> tuple[Int64Array, Int64Array]:
        """(sums, sums of magnitudes), each of shape [output channels]."""
        key = (weights.name, channels_last)
        if key not in self._sums:
            data = _data(weights).astype(np.int64)
            rows = data.reshape(-1, data.shape[-1]).T if channels_last else data.reshape(data.shape[0], -1)
            self._sums[key] = (rows.sum(axis=1), np.abs(rows).sum(axis=1))
        return self._sums[key]


def _add_folded_bias(tensors: dict[str, Tensor], operator: Weighted, sums: _WeightSums) -> str | None:
    """The name of the new bias, or None where it or an accumulator could overflow."""
    weights, bias = (tensors[name] for name in operator.inputs[1:])
    total, magnitude = sums.of(weights, isinstance(operator, DepthwiseConv2D))
    folded = _data(bias).astype(np.int64) - operator.input_zero_point * total
    # No partial sum over int8 inputs goes beyond this, whatever its order.
    reach = np.abs(folded) + 128 * magnitude
    if reach.max() > INT32_MAX:
        return None
    name = fresh_name(tensors, f"{operator.name}/{bias.name}")
    tensors[name] = constant(name, folded.astype(np.int32), bias.quantization)
    return name


def _data(tensor: Tensor) -> Array:
    """The value of a tensor known to be a constant."""
    if tensor.data is None:
        raise ModelError(f"{tensor} is not a constant")
    return tensor.data
