"""Tables of functions of one byte, each entry what LiteRT's reference kernel computes for that input.

All tables have 256 entries in the order of the input's unsigned bits. `dtype` is int8 or uint8; quantizations are
per tensor, with zero points inside the dtype. Where LiteRT works in float32, so do these functions, one operation at
a time.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from utvm.model.fixed_point import Int64Array, multiply_double_rounding, quantize_multiplier
from utvm.model.quantization import Quantization

Table = tuple[int, ...]
Float32Array = npt.NDArray[np.float32]
F32 = np.float32


def stored_values(dtype: str) -> Int64Array:
    """The 256 values of a byte dtype, in the order of their unsigned bits."""
    return np.arange(256, dtype=np.uint8).view(dtype).astype(np.int64)


def requantize_table(input_: Quantization, output: Quantization, input_dtype: str, output_dtype: str) -> Table:
    """The same real number under another quantization. Source: LiteRT reference_ops::Requantize."""
    multiplier, shift = quantize_multiplier(input_.scale / output.scale)
    centred = stored_values(input_dtype) - input_.zero_point
    return _saturated(multiply_double_rounding(centred, multiplier, shift) + output.zero_point, output_dtype)


def relu_table(input_: Quantization, output: Quantization, dtype: str, clamp: tuple[int, int]) -> Table:
    """Requantized, then limited to the stored range `clamp`. Source: LiteRT QuantizedReluX.

    Unlike a requantization, the ratio of the scales is rounded to float32.
    """
    multiplier, shift = quantize_multiplier(float(F32(input_.scale) / F32(output.scale)))
    centred = stored_values(dtype) - input_.zero_point
    scaled = multiply_double_rounding(centred, multiplier, shift) + output.zero_point
    return _saturated(np.clip(scaled, clamp[0], clamp[1]), dtype)


def leaky_relu_table(input_: Quantization, output: Quantization, dtype: str, alpha: float) -> Table:
    """x where x >= 0, alpha * x below. Source: LiteRT reference_ops::QuantizeLeakyRelu."""
    slope = float(F32(input_.scale) * F32(alpha) / F32(output.scale))
    centred = stored_values(dtype) - input_.zero_point
    identity = multiply_double_rounding(centred, *quantize_multiplier(float(F32(input_.scale) / F32(output.scale))))
    # The sign is taken off first: quantize_multiplier is for positive numbers.
    leaked = multiply_double_rounding(centred, *quantize_multiplier(abs(slope)))
    return _saturated(
        np.where(centred >= 0, identity, np.copysign(1, slope).astype(int) * leaked) + output.zero_point, dtype
    )


def logistic_table(input_: Quantization, output: Quantization, dtype: str) -> Table:
    """1 / (1 + exp(-x)). Source: LiteRT SigmoidPrepare."""

    def logistic(x: Float32Array) -> Float32Array:
        return np.asarray(F32(1) / (F32(1) + _rounded_once(np.exp, -x)), dtype=np.float32)

    return _float_table(input_, output, dtype, logistic)


def tanh_table(input_: Quantization, output: Quantization, dtype: str) -> Table:
    """tanh(x). Source: LiteRT TanhPrepare."""
    return _float_table(input_, output, dtype, lambda x: _rounded_once(np.tanh, x))


def hard_swish_table(input_: Quantization, output: Quantization, dtype: str) -> Table:
    """x * relu6(x + 3) / 6 in 16-bit fixed point. Source: LiteRT HardSwishPrepare and reference_ops::HardSwish.

    Needs an output scale above 1/128 of the input's, and an input scale below 2**20.
    """
    hires_scale = F32(1 / 128) * F32(input_.scale)
    output_multiplier, output_exponent = quantize_multiplier(float(hires_scale / F32(output.scale)))
    reluish_multiplier, reluish_exponent = quantize_multiplier(float(hires_scale / F32(3 / 32768)))
    hires = (stored_values(dtype) - input_.zero_point) * 128
    preshift = _multiply_high_int16(hires, _int16_multiplier(output_multiplier))
    # x / 3 in the 16-bit fixed point of [-1, 1]: shifted left one step less than needed, multiplied, shifted again,
    # so that only the last step's saturation shows.
    reluish = hires
    if reluish_exponent > 0:
        reluish = _saturated_int16(reluish << (reluish_exponent - 1))
    reluish = _multiply_high_int16(reluish, _int16_multiplier(reluish_multiplier))
    if reluish_exponent > 0:
        reluish = _saturated_int16(reluish << 1)
    if reluish_exponent < 0:
        reluish = _rounding_divide_int16(reluish, -reluish_exponent)
    gate = (reluish + (1 << 15)) >> 1
    product = gate * preshift
    gated = np.where(product >= 0, product >> 15, -(-product >> 15))
    return _saturated(_rounding_divide_int16(gated, -output_exponent) + output.zero_point, dtype)


def rescaled_table(input_: Quantization, output: Quantization) -> Table:
    """uint8 brought to another quantization as LiteRT's CONCATENATION does it: in float32.

    Source: LiteRT reference_ops::ConcatenationWithScaling.
    """
    scale = F32(input_.scale) * (F32(1) / F32(output.scale))
    bias = F32(-input_.zero_point) * scale
    values = _round_half_away(stored_values("uint8").astype(np.float32) * scale + bias)
    return _saturated(_to_integers(values) + output.zero_point, "uint8")


def _float_table(
    input_: Quantization, output: Quantization, dtype: str, function: Callable[[Float32Array], Float32Array]
) -> Table:
    """Dequantized, transformed and quantized in float32. Source: LiteRT LUTPopulate."""
    # Absurd scales overflow to infinity, as in LiteRT, and saturate in the end.
    with np.errstate(all="ignore"):
        real = F32(input_.scale) * (stored_values(dtype) - input_.zero_point).astype(np.float32)
        steps = _round_half_away(function(real) * (F32(1) / F32(output.scale)))
    return _saturated(_to_integers(steps) + output.zero_point, dtype)


def _rounded_once(function: np.ufunc, x: Float32Array) -> Float32Array:
    """The function in double precision, rounded to float32: what a good float32 library gives."""
    return np.asarray(function(x.astype(np.float64)), dtype=np.float32)


def _round_half_away(x: Float32Array) -> npt.NDArray[np.float64]:
    wide = x.astype(np.float64)
    return np.copysign(np.floor(np.abs(wide) + 0.5), wide)


def _to_integers(x: npt.NDArray[np.float64]) -> Int64Array:
    """Whole numbers as integers, those far outside any byte saturated."""
    return np.clip(np.nan_to_num(x), -(2.0**40), 2.0**40).astype(np.int64)


def _saturated(values: Int64Array, dtype: str) -> Table:
    limits = np.iinfo(dtype)
    return tuple(int(value) for value in np.clip(values, limits.min, limits.max))


def _saturated_int16(values: Int64Array) -> Int64Array:
    return np.clip(values, -(1 << 15), (1 << 15) - 1)


def _int16_multiplier(multiplier: int) -> int:
    """The upper half of a multiplier, rounded. Source: LiteRT DownScaleInt32ToInt16Multiplier."""
    return min((multiplier + (1 << 15)) >> 16, (1 << 15) - 1)


def _multiply_high_int16(a: Int64Array, b: int) -> Int64Array:
    """round(a * b / 2**15), halves up (gemmlowp)."""
    return (a * b + (1 << 14)) >> 15


def _rounding_divide_int16(x: Int64Array, exponent: int) -> Int64Array:
    """x / 2**exponent, rounded, halves away from zero; beyond 15 with the mask wrapped to 16 bits as in gemmlowp."""
    mask = ((1 << exponent) - 1) if exponent < 16 else -1
    threshold = (mask >> 1) + (x < 0)
    return (x >> exponent) + ((x & mask) > threshold)
