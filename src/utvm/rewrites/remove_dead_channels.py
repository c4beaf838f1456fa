"""Channels that are the same number everywhere, or that nobody multiplies, need not be computed.

Training that regularises leaves output channels whose weights are all zero: constants, which belong into the biases of
the next layer. A chain is a convolution, operators that keep channels apart (depthwise, pools, lookups, reshapes), and
the layer that mixes them again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from utvm.model.fixed_point import INT32_MAX, finish, requantize
from utvm.model.graph import Model
from utvm.model.operator_types import (
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Lookup,
    Operator,
    Pool2D,
    Requantization,
    Reshape,
)
from utvm.model.tensor import Array, Tensor, constant
from utvm.rewrites.editing import fresh_name, use_counts

# Kernels work on words of four channels; a remainder would cost more than the channels that fill it up.
GRANULE = 4

Channels = npt.NDArray[np.intp]
Between = DepthwiseConv2D | Pool2D | Lookup | Reshape
Mixing = Conv2D | FullyConnected


@dataclass(frozen=True)
class _Chain:
    source: Conv2D
    between: tuple[Between, ...]
    sink: Mixing


def remove_dead_channels(model: Model) -> Model:
    """Drop such channels exactly; whole granules of four remain. Borders count: a channel whose constant would meet
    padded taps that are not equal to it stays."""
    known = {name for name, tensor in model.tensors.items() if tensor.is_constant}.difference(model.inputs)
    operators = {operator.name: operator for operator in model.operators}
    if len(operators) != len(model.operators):
        return model
    tensors = dict(model.tensors)
    uses = use_counts(model)
    readers = {name: operator.name for operator in model.operators for name in operator.inputs}
    for operator in model.operators:
        chain = _chain_from(operators[operator.name], operators, tensors, uses, readers, known)
        if chain is not None:
            for changed in _shortened(chain, tensors):
                operators[changed.name] = changed
                known.update(name for name in changed.inputs if tensors[name].is_constant)
    return model.with_operators(tuple(operators.values()), tensors)


def _chain_from(
    source: Operator,
    operators: Mapping[str, Operator],
    tensors: Mapping[str, Tensor],
    uses: Counter[str],
    readers: Mapping[str, str],
    known: set[str],
) -> _Chain | None:
    if not isinstance(source, Conv2D) or not known.issuperset(source.inputs[1:]):
        return None
    channels = tensors[source.outputs[0]].shape[-1]
    between: list[Between] = []
    current: Operator = source
    while True:
        name = current.outputs[0]
        if uses[name] != 1 or name not in readers:
            return None
        following = operators[readers[name]]
        if following.inputs[0] != name or not known.issuperset(following.inputs[1:]):
            return None
        flat = tensors[name].shape[-1] != channels
        if isinstance(following, FullyConnected):
            usable = following.weights_zero_point == 0
            return _Chain(source, tuple(between), following) if usable else None
        if isinstance(following, Conv2D):
            usable = not flat and tensors[following.inputs[1]].shape[3] == channels
            return _Chain(source, tuple(between), following) if usable else None
        if not isinstance(following, DepthwiseConv2D | Pool2D | Lookup | Reshape):
            return None
        if isinstance(following, DepthwiseConv2D) and (following.depth_multiplier != 1 or flat):
            return None
        # Channels stay apart while they are the innermost axis, or repeat along it.
        if isinstance(following, Reshape) and (not following.shape or following.shape[-1] % channels):
            return None
        between.append(following)
        current = following


def _shortened(chain: _Chain, tensors: dict[str, Tensor]) -> list[Operator]:
    """The chain's operators without the channels that can go, their tensors replaced; empty if none can."""
    values = _constant_channels(chain, tensors)
    channels = len(values)
    weights, sums = _sink_weights(chain.sink, tensors, channels)
    unread = np.all(weights == 0, axis=(0, 1))
    exact = np.array([value is not None for value in values])
    if isinstance(chain.sink, Conv2D) and chain.sink.padding.any:
        exact = np.array([value == chain.sink.input_zero_point for value in values])
    live = [channel for channel in range(channels) if not (unread[channel] or exact[channel])]
    spare = [channel for channel in range(channels) if unread[channel] or exact[channel]]
    missing = -len(live) % GRANULE if live else GRANULE
    kept = np.array(sorted(live + spare[:missing]), dtype=np.intp)
    if len(kept) >= channels:
        return []
    dropped = [channel for channel in range(channels) if channel not in set(kept.tolist())]
    centred = np.array([(values[channel] or 0) - chain.sink.input_zero_point for channel in dropped], dtype=np.int64)
    bias = _data(tensors[chain.sink.inputs[2]]).astype(np.int64) + sums[:, dropped] @ centred
    reach = max(127 - chain.sink.input_zero_point, 128 + chain.sink.input_zero_point)
    if (np.abs(bias) + reach * np.abs(weights[:, :, kept]).sum(axis=(1, 2))).max() > INT32_MAX:
        return []
    shortened: list[Operator] = [_narrowed(chain.source, kept, tensors)]
    shortened += [_narrowed(operator, kept, tensors, channels) for operator in chain.between]
    shortened.append(_sink_without(chain.sink, kept, channels, bias.astype(np.int32), tensors))
    return shortened


def _sink_weights(sink: Mixing, tensors: Mapping[str, Tensor], channels: int) -> tuple[Array, Array]:
    """Weights as [outputs, places, channels], and their sums over the places."""
    data = _data(tensors[sink.inputs[1]]).astype(np.int64)
    weights = data.reshape(data.shape[0], -1, channels)
    return weights, weights.sum(axis=1)


def _constant_channels(chain: _Chain, tensors: Mapping[str, Tensor]) -> list[int | None]:
    """The value that each channel has at every place where the sink reads it, or None if it varies."""
    weights, bias = (_data(tensors[name]).astype(np.int64) for name in chain.source.inputs[1:])
    constants = finish(
        requantize(bias, chain.source.requantization), chain.source.output_zero_point, chain.source.clamp
    )
    zero = np.all(weights.reshape(weights.shape[0], -1) == 0, axis=1)
    values = [int(value) if dead else None for value, dead in zip(constants, zero, strict=True)]
    for operator in chain.between:
        values = _through(operator, values, tensors)
    return values


def _through(operator: Between, values: list[int | None], tensors: Mapping[str, Tensor]) -> list[int | None]:
    if isinstance(operator, Lookup):
        return [None if value is None else operator.table[value & 0xFF] for value in values]
    if isinstance(operator, Pool2D):
        low, high = operator.clamp
        return [None if value is None else min(max(value, low), high) for value in values]
    if isinstance(operator, Reshape):
        return values
    weights, bias = (_data(tensors[name]).astype(np.int64) for name in operator.inputs[1:])
    sums = weights.reshape(-1, len(values)).sum(axis=0)
    silent = np.all(weights.reshape(-1, len(values)) == 0, axis=0)
    zero_point = operator.input_zero_point
    centred = np.array([0 if value is None else value - zero_point for value in values], dtype=np.int64)
    total = bias + sums * centred
    results = finish(requantize(total, operator.requantization), operator.output_zero_point, operator.clamp)
    steady = [
        bool(silent[channel]) or (value is not None and (value == zero_point or not operator.padding.any))
        for channel, value in enumerate(values)
    ]
    return [int(result) if known else None for result, known in zip(results, steady, strict=True)]


def _narrowed(operator: Operator, kept: Channels, tensors: dict[str, Tensor], channels: int = 0) -> Operator:
    """An operator that computes the kept channels only."""
    name = operator.outputs[0]
    if isinstance(operator, Conv2D | DepthwiseConv2D):
        axis = 0 if isinstance(operator, Conv2D) else 3
        weights = _taken(tensors, operator, 1, kept, axis)
        bias = _taken(tensors, operator, 2, kept, 0)
        _reshape_tensor(tensors, name, (*tensors[name].shape[:-1], len(kept)))
        requantization = _selected(operator.requantization, kept)
        return replace(operator, inputs=(operator.inputs[0], weights, bias), requantization=requantization)
    shape = tensors[name].shape
    _reshape_tensor(tensors, name, (*shape[:-1], shape[-1] // channels * len(kept)))
    if isinstance(operator, Reshape):
        return replace(operator, shape=tensors[name].shape)
    return operator


def _sink_without(sink: Mixing, kept: Channels, channels: int, bias: Array, tensors: dict[str, Tensor]) -> Operator:
    data = _data(tensors[sink.inputs[1]])
    split = data.reshape(*data.shape[:-1], -1, channels)[..., kept]
    weights = _added(tensors, sink, 1, split.reshape(*data.shape[:-1], -1))
    return replace(sink, inputs=(sink.inputs[0], weights, _added(tensors, sink, 2, bias)))


def _selected(requantization: Requantization, kept: Channels) -> Requantization:
    if len(requantization.multipliers) == 1:
        return requantization
    return replace(
        requantization,
        multipliers=tuple(requantization.multipliers[channel] for channel in kept),
        shifts=tuple(requantization.shifts[channel] for channel in kept),
    )


def _taken(tensors: dict[str, Tensor], operator: Operator, index: int, kept: Channels, axis: int) -> str:
    return _added(tensors, operator, index, np.take(_data(tensors[operator.inputs[index]]), kept, axis=axis))


def _added(tensors: dict[str, Tensor], operator: Operator, index: int, data: Array) -> str:
    name = fresh_name(tensors, f"{operator.name}/live/{operator.inputs[index]}")
    tensors[name] = constant(name, data)
    return name


def _reshape_tensor(tensors: dict[str, Tensor], name: str, shape: tuple[int, ...]) -> None:
    tensors[name] = replace(tensors[name], shape=shape)


def _data(tensor: Tensor) -> Array:
    """The value of a tensor known to be a constant."""
    if tensor.data is None:
        raise AssertionError(f"{tensor} was checked to be a constant")
    return tensor.data
