"""Make an array from a file fit a model input: dtype, quantization, shape, batch."""

from __future__ import annotations

import numpy as np

from utvm.codegen.program import PlacedTensor
from utvm.errors import UsageError
from utvm.model.tensor import Array


def fit_input(array: Array, tensor: PlacedTensor, source: str) -> Array:
    """The array as `runs` inputs of the tensor: shape (runs, *tensor.shape), the tensor's dtype.

    Real numbers are quantized with the tensor's scale. Leading extents of 1 may be missing or surplus; one more
    leading extent is the number of runs. Raises UsageError naming `source`.
    """
    runs = _run_count(array.shape, tensor.shape)
    if runs is None or not _is_convertible(array, tensor):
        raise UsageError(f"{source} holds {_text(array.dtype.name, array.shape)}, but {describe_input(tensor)}")
    if runs == 0:
        raise UsageError(f"{source} holds no inputs: its shape is {list(array.shape)}")
    if array.dtype.kind == "f":
        if np.isnan(array).any():
            raise UsageError(f"{source} holds NaN, which no input can be")
        array = _from_reals(array, tensor)
    fitted: Array = array.astype(tensor.dtype).reshape(runs, *tensor.shape)
    return np.ascontiguousarray(fitted)


def fit_sequences(array: Array, tensor: PlacedTensor, source: str) -> tuple[Array, int]:
    """The array as inputs of sequences, one after the other, and the steps of each.

    An extent more than `fit_input` takes, behind the first, is the number of steps; else each input is a step alone.
    """
    if array.ndim >= 2 and _run_count(array.shape, tensor.shape) is None and array.shape[1] > 0:
        joined = array.reshape(-1, *array.shape[2:])
        if _run_count(joined.shape, tensor.shape) == len(joined):
            return fit_input(joined, tensor, source), array.shape[1]
    return fit_input(array, tensor, source), 1


def describe_input(tensor: PlacedTensor) -> str:
    """What an input takes, for messages."""
    wanted = f"input {tensor.name} takes {_text(tensor.dtype, tensor.shape)}"
    if tensor.quantization is not None and not tensor.quantization.per_channel:
        scale, zero_point = tensor.quantization.scale, tensor.quantization.zero_point
        wanted += f", or float32 to be quantized with scale {scale:.6g} and zero point {zero_point}"
    return f"{wanted} (with a leading extent N for N runs)"


def quantize(reals: Array, scale: float, zero_point: int, dtype: str) -> Array:
    """Stored integers of real numbers, as LiteRT's quantize computes them: halves away from zero, saturated."""
    limits = np.iinfo(dtype)
    with np.errstate(over="ignore"):
        steps = (reals.astype(np.float32) / np.float32(scale)).astype(np.float64)
    rounded = np.copysign(np.floor(np.abs(steps) + 0.5), steps)
    stored: Array = np.clip(rounded + zero_point, limits.min, limits.max).astype(dtype)
    return stored


def _from_reals(array: Array, tensor: PlacedTensor) -> Array:
    if tensor.dtype == "float32" or tensor.quantization is None:
        return array
    return quantize(array, tensor.quantization.scale, tensor.quantization.zero_point, tensor.dtype)


def _is_convertible(array: Array, tensor: PlacedTensor) -> bool:
    if array.dtype.kind != "f":
        return bool(array.dtype.name == tensor.dtype)
    return tensor.dtype == "float32" or (tensor.quantization is not None and not tensor.quantization.per_channel)


def _run_count(given: tuple[int, ...], wanted: tuple[int, ...]) -> int | None:
    """How many inputs of shape `wanted` an array of shape `given` is; None if it is not."""
    core = _without_leading_ones(wanted)
    given = _without_leading_ones(given)
    if given == core:
        return 1
    if given and _without_leading_ones(given[1:]) == core:
        return given[0]
    return None


def _without_leading_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    first = next((index for index, extent in enumerate(shape) if extent != 1), len(shape))
    return shape[first:]


def _text(dtype: str, shape: tuple[int, ...]) -> str:
    return f"{dtype}[{'x'.join(str(extent) for extent in shape)}]"
