"""Random shapes and values of any dtype, for the operators that move data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.litert import ModelBuilder, TensorHandle
from tests.operators.cases import Array, scale, zero_point

MOVED_DTYPES = ["int8", "int8", "int8", "uint8", "int16", "int32", "float32"]


def any_array(rng: np.random.Generator, shape: Sequence[int], dtype: str) -> Array:
    """Random elements over the dtype's whole range; floats are ordinary numbers."""
    if dtype == "float32":
        return np.asarray(rng.normal(0, 100, tuple(shape)), dtype=np.float32)
    if dtype == "bool":
        return np.asarray(rng.integers(0, 2, tuple(shape)), dtype=np.bool_)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, tuple(shape), dtype=dtype, endpoint=True)


def random_shape(rng: np.random.Generator, rank: int, largest: int = 6) -> tuple[int, ...]:
    """Extents from one; small in higher ranks."""
    limit = largest if rank <= 4 else 3
    return tuple(int(extent) for extent in rng.integers(1, limit + 1, rank))


def random_quantization(rng: np.random.Generator, dtype: str) -> dict[str, Any]:
    """`scale` and `zero_point` for a tensor of `dtype`; none for those that are not quantized."""
    if dtype == "int8":
        return {"scale": scale(rng), "zero_point": zero_point(rng)}
    if dtype == "uint8":
        return {"scale": scale(rng), "zero_point": int(rng.integers(0, 256))}
    return {"scale": scale(rng)} if dtype == "int16" else {}


def moving_model(
    operator: str,
    source: tuple[tuple[int, ...], str, dict[str, Any]],
    constants: Sequence[Array],
    output_shapes: Sequence[tuple[int, ...]],
    options: dict[str, Any] | None = None,
    constants_first: int = 0,
) -> bytes:
    """A model of one operator that gives its input's elements, of the same dtype and quantization, in other places."""
    shape, dtype, quantization = source
    builder = ModelBuilder()
    x = builder.input("x", shape, dtype, **quantization)
    fixed: list[TensorHandle] = [builder.constant(f"c{index}", value) for index, value in enumerate(constants)]
    outputs = [
        builder.tensor(f"y{index}", output_shape, dtype, **quantization)
        for index, output_shape in enumerate(output_shapes)
    ]
    builder.operator(operator, [*fixed[:constants_first], x, *fixed[constants_first:]], outputs, options)
    for output in outputs:
        builder.output(output)
    return builder.finish()


def int32s(*values: int) -> Array:
    """A constant vector."""
    return np.array(values, dtype=np.int32)
