"""Small graphs built operator by operator, and what a rewrite must keep of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from utvm.model import Array, Model, State, Tensor, constant
from utvm.model.operator_types import (
    Add,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Lookup,
    Mul,
    Operator,
    Padding,
    Pool2D,
    Requantization,
    Softmax,
    TransposeConv2D,
)
from utvm.operators import ReferenceSequence, check_model, rule_of

FULL = (-128, 127)
# 0.75 and 2**-9, as multiplier and shift.
THREE_QUARTERS = Requantization((3 << 29,), (0,))
SMALL = Requantization((1 << 30,), (-8,))


class GraphBuilder:
    """Adds operators one at a time; their output types come from their rules."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self._tensors: dict[str, Tensor] = {}
        self._operators: list[Operator] = []
        self._inputs: list[str] = []
        self._states: dict[str, State] = {}

    def input(self, shape: Sequence[int], dtype: str = "int8") -> str:
        name = f"input{len(self._inputs)}"
        self._inputs.append(name)
        self._tensors[name] = Tensor(name, tuple(shape), dtype)
        return name

    def state(self, shape: Sequence[int]) -> str:
        """A state that keeps its random initial value until `update` gives it another."""
        name = f"state{len(self._states)}"
        self._tensors[name] = Tensor(name, tuple(shape), "int8")
        initial = self.random.integers(-128, 128, tuple(shape), dtype=np.int8)
        self._states[name] = State(name, name, initial)
        return name

    def update(self, state: str, value: str) -> None:
        self._states[state] = replace(self._states[state], update=value)

    def constant(self, data: Array) -> str:
        name = f"constant{len(self._tensors)}"
        self._tensors[name] = constant(name, data)
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        return self._tensors[name].shape

    def read(self) -> set[str]:
        """The tensors that some operator reads."""
        return {name for operator in self._operators for name in operator.inputs}

    def op(self, operator_type: type[Operator], /, *inputs: str, **attributes: Any) -> str:
        """Append an operator and return the name of its output."""
        name = f"{operator_type.__name__.lower()}{len(self._operators)}"
        operator = operator_type(name=name, inputs=inputs, outputs=(f"{name}:0",), **attributes)
        (output,) = rule_of(operator).infer(operator, tuple(self._tensors[tensor] for tensor in inputs))
        self._tensors[f"{name}:0"] = Tensor(f"{name}:0", output.shape, output.dtype)
        self._operators.append(operator)
        return f"{name}:0"

    def model(self, *outputs: str) -> Model:
        states = tuple(self._states.values())
        model = Model("graph", self._tensors, tuple(self._operators), tuple(self._inputs), outputs, states=states)
        check_model(model)
        return model

    # -- operators with their constants ------------------------------------------------------------------------------

    def weights(self, *shape: int) -> str:
        return self.constant(self.random.integers(-127, 128, shape, dtype=np.int8))

    def bias(self, channels: int) -> str:
        return self.constant(self.random.integers(-2000, 2000, channels, dtype=np.int32))

    def conv(
        self,
        x: str,
        channels: int = 3,
        window: tuple[int, int] = (3, 3),
        *,
        constants: tuple[str, str] | None = None,
        **attributes: Any,
    ) -> str:
        weights, bias = constants or (self.weights(channels, *window, self.shape(x)[3]), self.bias(channels))
        return self.op(Conv2D, x, weights, bias, **{**_CONVOLUTION, **attributes})

    def depthwise(
        self,
        x: str,
        window: tuple[int, int] = (3, 3),
        multiplier: int = 1,
        *,
        constants: tuple[str, str] | None = None,
        **attributes: Any,
    ) -> str:
        channels = self.shape(x)[3] * multiplier
        weights, bias = constants or (self.weights(1, *window, channels), self.bias(channels))
        merged = {**_CONVOLUTION, "depth_multiplier": multiplier, **attributes}
        return self.op(DepthwiseConv2D, x, weights, bias, **merged)

    def transpose_conv(self, x: str, channels: int = 3, **attributes: Any) -> str:
        constants = self.weights(channels, 2, 3, self.shape(x)[3]), self.bias(channels)
        _, height, width, _ = self.shape(x)
        merged = {**_CONVOLUTION, "size": (2 * height, width), "strides": (2, 1), "crop": (0, 1), **attributes}
        del merged["dilation"], merged["padding"]
        return self.op(TransposeConv2D, x, *constants, **merged)

    def dense(self, x: str, units: int = 4, constants: tuple[str, str] | None = None, **attributes: Any) -> str:
        weights, bias = constants or (self.weights(units, self.shape(x)[-1]), self.bias(units))
        defaults = {
            "input_zero_point": 5,
            "weights_zero_point": 0,
            "requantization": SMALL,
            "output_zero_point": -3,
            "clamp": FULL,
        }
        return self.op(FullyConnected, x, weights, bias, **{**defaults, **attributes})

    def add(self, x: str, y: str, clamp: tuple[int, int] = FULL) -> str:
        return self.op(
            Add,
            x,
            y,
            subtract=False,
            left_shift=20,
            input_zero_points=(3, -4),
            input_requantizations=(THREE_QUARTERS, THREE_QUARTERS),
            output_requantization=Requantization((1 << 30,), (-19,)),
            output_zero_point=2,
            clamp=clamp,
        )

    def mul(self, x: str, y: str, clamp: tuple[int, int] = FULL) -> str:
        return self.op(Mul, x, y, input_zero_points=(3, -4), requantization=SMALL, output_zero_point=2, clamp=clamp)

    def pool(self, x: str, kind: str = "max", window: tuple[int, int] = (2, 2), **attributes: Any) -> str:
        defaults = {"strides": (1, 1), "padding": Padding(), "clamp": FULL}
        return self.op(Pool2D, x, kind=kind, window=window, **{**defaults, **attributes})

    def softmax(self, x: str) -> str:
        return self.op(Softmax, x, input_multiplier=1 << 30, input_left_shift=23, diff_min=-128)

    def lookup(self, x: str, table: Sequence[int], dtype: str = "int8", function: str = "table") -> str:
        return self.op(Lookup, x, function=function, table=tuple(table), output_dtype=dtype)

    def clamp(self, x: str, low: int, high: int) -> str:
        return self.lookup(x, clamp_table(low, high), function="relu")

    def random_table(self) -> tuple[int, ...]:
        return tuple(int(value) for value in self.random.integers(-128, 128, 256))


_CONVOLUTION: dict[str, Any] = {
    "strides": (1, 1),
    "padding": Padding(),
    "dilation": (1, 1),
    "input_zero_point": 5,
    "requantization": SMALL,
    "output_zero_point": -3,
    "clamp": FULL,
}

IDENTITY = tuple(byte - 256 if byte > 127 else byte for byte in range(256))


def clamp_table(low: int, high: int) -> tuple[int, ...]:
    """min(max(x, low), high) of int8."""
    return tuple(min(max(value, low), high) for value in IDENTITY)


def random_inputs(model: Model, seed: int = 0) -> dict[str, Array]:
    """A value for every input: all bytes, also the extremes."""
    random = np.random.default_rng(seed)
    values: dict[str, Array] = {}
    for name in model.inputs:
        tensor = model.tensors[name]
        if tensor.dtype == "float32":
            values[name] = random.normal(0, 4, tensor.shape).astype(np.float32)
        else:
            limits = np.iinfo(tensor.dtype)
            drawn = random.integers(limits.min, limits.max, tensor.shape, dtype=tensor.dtype, endpoint=True)
            values[name] = np.where(random.random(tensor.shape) < 0.1, limits.min, drawn).astype(tensor.dtype)
    return values


def assert_same_bytes(before: Model, after: Model, runs: int = 3) -> None:
    """`after` is well formed, has the same inputs and outputs, and computes the same bytes in every run of a row."""
    check_model(after)
    assert (after.inputs, after.outputs) == (before.inputs, before.outputs)
    for name in (*before.inputs, *before.outputs):
        was, now = before.tensors[name], after.tensors[name]
        assert (was.shape, was.dtype, was.quantization) == (now.shape, now.dtype, now.quantization)
    expecting, getting = ReferenceSequence(before), ReferenceSequence(after)
    for seed in range(max(runs, 3) if before.states else runs):
        inputs = random_inputs(before, seed)
        expected, got = expecting.run(inputs), getting.run(inputs)
        for name in before.outputs:
            np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


def kinds(model: Model) -> list[str]:
    """The operators' kinds in order."""
    return [type(operator).__name__ for operator in model.operators]
