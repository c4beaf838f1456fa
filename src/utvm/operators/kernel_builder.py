"""A thin layer over TVM's IRBuilder in which portable kernels are written as the loops they are.

TVM is imported when the first builder is made, so that references and shape rules do without it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from utvm.errors import CodegenError
from utvm.model.operator_types import Operator, Requantization
from utvm.model.tensor import ITEM_SIZE_BYTES, Array, Tensor
from utvm.operators.kernel import Kernel, KernelArgument

Expression = Any

one_at_a_time = threading.RLock()
"""Held by whoever builds or lowers kernels while other threads may: TVM's builders keep state of their own."""


class Scalar:
    """A local variable of a kernel."""

    def __init__(self, script: Any, buffer: Any) -> None:
        self._script = script
        self._buffer = buffer

    @property
    def value(self) -> Expression:
        """The current value, as an expression."""
        return self._buffer[0]

    def set(self, value: Expression) -> None:
        """Assign."""
        self._script.buffer_store(self._buffer, value, [0])

    def add(self, value: Expression) -> None:
        """Assign the sum of the current value and `value`."""
        self.set(self.value + value)


class KernelBuilder:
    """Builds one kernel; use as a context manager, then call `finish` after the block.

    Parameters appear in the C function in the order in which they are declared here.
    """

    def __init__(self, stem: str, operator: Operator) -> None:
        from tvm import tirx
        from tvm.script.ir_builder import IRBuilder
        from tvm.script.ir_builder import tirx as script

        self._tirx = tirx
        self._script = script
        self._ir_builder = IRBuilder
        self._stem = stem
        self._operator = operator
        self._arguments: list[KernelArgument] = []
        self._comments: list[str] = []
        self._aliased: set[str] = set()
        self._inputs_declared = 0
        self._stack = ExitStack()
        self._frames: Any = None

    def __enter__(self) -> KernelBuilder:
        self._frames = self._stack.enter_context(self._ir_builder())
        self._stack.enter_context(self._script.prim_func(s_tir=False))
        self._script.func_name(self._stem)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    # -- parameters ------------------------------------------------------------------------------------------------

    def input(self, parameter: str, tensor: Tensor, shape: tuple[int, ...] | None = None) -> Any:
        """A tensor that is read, indexed by `shape` (its own by default, or another of equal size)."""
        if self._operator.in_place is not None and self._operator.inputs[self._operator.in_place] == tensor.name:
            self._aliased.add(parameter)
        self._arguments.append(KernelArgument(parameter, "tensor", tensor=tensor.name))
        return self._parameter(parameter, tensor.shape if shape is None else shape, tensor.dtype)

    def output(self, parameter: str, tensor: Tensor, shape: tuple[int, ...] | None = None) -> Any:
        """A tensor that is written."""
        if self._operator.in_place is not None and tensor.name == self._operator.outputs[0]:
            self._aliased.add(parameter)
        self._arguments.append(KernelArgument(parameter, "tensor", tensor=tensor.name, written=True))
        return self._parameter(parameter, tensor.shape if shape is None else shape, tensor.dtype)

    def state(self, parameter: str, before: Tensor, after: Tensor, shape: tuple[int, ...] | None = None) -> Any:
        """A tensor that is read and then written over by another, as the operator's `updates` say."""
        pairs = [(self._operator.outputs[i], self._operator.inputs[j]) for i, j in self._operator.updates]
        if (after.name, before.name) not in pairs:
            raise CodegenError(f"{self._operator.name}: {after.name} does not overwrite {before.name}")
        self._arguments.append(KernelArgument(parameter, "tensor", tensor=after.name, written=True))
        return self._parameter(parameter, after.shape if shape is None else shape, after.dtype)

    def constant(self, parameter: str, data: Array) -> Any:
        """Data the kernel needs beside the model's own constants."""
        self._arguments.append(KernelArgument(parameter, "constant", data=data))
        return self._parameter(parameter, tuple(int(extent) for extent in data.shape), data.dtype.name)

    def scratch(self, parameter: str, shape: tuple[int, ...], dtype: str) -> Any:
        """Memory that lives during one call only."""
        size_bytes = int(np.prod(shape)) * ITEM_SIZE_BYTES[dtype]
        self._arguments.append(KernelArgument(parameter, "scratch", size_bytes=size_bytes, written=True))
        return self._parameter(parameter, shape, dtype)

    def _parameter(self, parameter: str, shape: tuple[int, ...], dtype: str) -> Any:
        extents = "x".join(str(extent) for extent in shape) or "1"
        self._comments.append(f"{parameter}: {dtype} {extents}")
        return self._script.arg(parameter, self._script.buffer(shape or (1,), dtype))

    # -- statements ------------------------------------------------------------------------------------------------

    @contextmanager
    def loop(self, name: str, begin: Expression, end: Expression) -> Iterator[Any]:
        """for (name = begin; name < end; ++name); a single iteration needs no loop in the C."""
        if isinstance(begin, int) and isinstance(end, int) and end - begin == 1:
            yield self.literal(begin)
            return
        with self._script.serial(begin, end) as variable:
            self._ir_builder.name(name, variable)
            yield variable

    @contextmanager
    def loops(self, **extents: int) -> Iterator[tuple[Any, ...]]:
        """Nested loops from zero, outermost first: `with k.loops(y=4, x=8) as (y, x)`."""
        with ExitStack() as stack:
            yield tuple(stack.enter_context(self.loop(name, 0, extent)) for name, extent in extents.items())

    def local(self, name: str, value: Expression, dtype: str = "int32") -> Scalar:
        """A local variable with its first value."""
        buffer = self._script.alloc_buffer((1,), dtype, scope="local")
        self._ir_builder.name(name, buffer)
        scalar = Scalar(self._script, buffer)
        scalar.set(self.literal(value, dtype) if isinstance(value, int | float) else value)
        return scalar

    def store(self, buffer: Any, indices: list[Expression], value: Expression) -> None:
        """buffer[indices] = value"""
        self._script.buffer_store(buffer, value, indices or [0])

    @contextmanager
    def when(self, condition: Expression) -> Iterator[None]:
        """if (condition) { ... }"""
        with self._script.If(condition), self._script.Then():
            yield

    # -- expressions -----------------------------------------------------------------------------------------------

    def literal(self, value: float, dtype: str = "int32") -> Expression:
        """A typed literal."""
        return self._tirx.const(value, dtype)

    def cast(self, dtype: str, value: Expression) -> Expression:
        """C's conversion to `dtype`."""
        return value.astype(dtype)

    def wide(self, value: Expression) -> Expression:
        """Widened to int32."""
        return value.astype("int32")

    def minimum(self, a: Expression, b: Expression) -> Expression:
        """The smaller of two integers."""
        return self._tirx.min(a, b)

    def maximum(self, a: Expression, b: Expression) -> Expression:
        """The larger of two integers."""
        return self._tirx.max(a, b)

    def clamp(self, value: Expression, low: Expression, high: Expression) -> Expression:
        """Value limited to [low, high]."""
        return self.minimum(self.maximum(value, low), high)

    def select(self, condition: Expression, if_true: Expression, if_false: Expression) -> Expression:
        """condition ? if_true : if_false (both sides may be evaluated)."""
        return self._tirx.Select(condition, if_true, if_false)

    def both(self, *conditions: Expression) -> Expression:
        """Logical and."""
        return self._tirx.all(*conditions)

    def quotient(self, a: Expression, b: Expression) -> Expression:
        """C's division, truncating towards zero."""
        return self._tirx.truncdiv(a, b)

    def remainder(self, a: Expression, b: Expression) -> Expression:
        """C's remainder, with the dividend's sign."""
        return self._tirx.truncmod(a, b)

    def call(self, function: str, *arguments: Expression, dtype: str = "int32") -> Expression:
        """A call of a function of utvm_fixed_point.h."""
        return self._tirx.call_pure_extern(dtype, function, *arguments)

    # -- fixed point -----------------------------------------------------------------------------------------------

    def requantization(self, prefix: str, requantization: Requantization) -> Requantizer:
        """Declare the multipliers and shifts of a requantization (parameters, when there is one per channel)."""
        return Requantizer(self, prefix, requantization)

    def finish(self) -> Kernel:
        """The finished kernel."""
        return Kernel(
            self._stem,
            self._frames.get(),
            tuple(self._arguments),
            tuple(self._comments),
            frozenset(self._aliased),
        )


_REQUANTIZE_FUNCTIONS = {"double": "utvm_requantize", "single": "utvm_requantize_once", "wide": "utvm_requantize_wide"}


class Requantizer:
    """Scales accumulators in a kernel as its Requantization says."""

    def __init__(self, builder: KernelBuilder, prefix: str, requantization: Requantization) -> None:
        self._builder = builder
        self._function = _REQUANTIZE_FUNCTIONS[requantization.rounding]
        self._values = requantization
        self._dtype = "int64" if requantization.rounding == "wide" else "int32"
        self._per_channel = len(requantization.multipliers) > 1
        if self._per_channel:
            self._multipliers = builder.constant(
                f"{prefix}multipliers", np.array(requantization.multipliers, dtype=self._dtype)
            )
            self._shifts = builder.constant(f"{prefix}shifts", np.array(requantization.shifts, dtype=np.int8))

    def scale(self, accumulator: Expression, channel: Expression = 0) -> Expression:
        """The int32 accumulator, scaled."""
        builder = self._builder
        if self._per_channel:
            multiplier, shift = self._multipliers[channel], builder.wide(self._shifts[channel])
        else:
            multiplier = builder.literal(self._values.multipliers[0], self._dtype)
            shift = builder.literal(self._values.shifts[0])
        return builder.call(self._function, accumulator, multiplier, shift)

    def finish(
        self, accumulator: Expression, zero_point: int, clamp: tuple[int, int], channel: Expression = 0
    ) -> Expression:
        """The int8 output: scaled, zero point added, clamped (before the addition, which therefore cannot overflow)."""
        scaled = self._builder.local("scaled", self.scale(accumulator, channel)).value
        # A call, lest a clamp to a single value be folded, which would leave the accumulator unused.
        limited = self._builder.call("utvm_clamp", scaled, clamp[0] - zero_point, clamp[1] - zero_point)
        return self._builder.cast("int8", limited + zero_point)
