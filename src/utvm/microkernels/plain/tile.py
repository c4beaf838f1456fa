"""Dot products of several vectors with several rows of weights: every byte loaded is used for all of the others."""

from __future__ import annotations

import numpy as np

from utvm.model.tensor import Array
from utvm.operators.kernel import CodeUnit

STEP = 2
"""Taps of a round; vectors and weights are filled up to a multiple with zeros of either."""


def pack_tiles(weights: Array, channels: int) -> Array:
    """int8 [rows, depth] as [groups, taps, channels], filled up with zeros; two-dimensional: a row per group."""
    rows, depth = weights.shape
    padded = np.zeros((-(-rows // channels) * channels, -(-depth // STEP) * STEP), dtype=np.int8)
    padded[:rows, :depth] = weights
    groups = padded.reshape(-1, channels, padded.shape[1]).transpose(0, 2, 1)
    return np.ascontiguousarray(groups).reshape(len(groups), -1)


def tile_sums(pixels: int, channels: int) -> CodeUnit:
    """`void f(const int8_t *x, int32_t x_step, const int8_t *weights, int32_t taps, int32_t *sums, int32_t sums_step,
    int32_t groups)`: sums of `pixels` vectors, `x_step` bytes apart, by all groups of `channels` rows.

    Vector p's sums go to sums + p * sums_step; `taps` is a positive multiple of STEP; weights are as packed above.
    """
    name = f"utvm_tile_sums_{pixels}x{channels}"
    prototype = (
        f"void {name}(const int8_t *x, int32_t x_step, const int8_t *weights, int32_t taps, int32_t *sums,\n"
        f"    int32_t sums_step, int32_t groups)"
    )
    pairs = [(pixel, channel) for pixel in range(pixels) for channel in range(channels)]
    lines = [f"const int8_t *x{pixel} = x + {pixel} * x_step;" for pixel in range(pixels)]
    lines.append("int32_t " + ", ".join(f"s{p}{c} = 0" for p, c in pairs) + ";")
    lines.append(f"for (int32_t left = taps; left > 0; left -= {STEP}) {{")
    for step in range(STEP):
        lines.append("    {")
        lines += [f"        const int32_t w{c} = weights[{step * channels + c}];" for c in range(channels)]
        for pixel in range(pixels):
            lines.append(f"        const int32_t v{pixel} = x{pixel}[{step}];")
            lines += [f"        s{pixel}{c} += v{pixel} * w{c};" for c in range(channels)]
        lines.append("    }")
    lines += [f"    x{pixel} += {STEP};" for pixel in range(pixels)]
    lines += [f"    weights += {STEP * channels};", "}"]
    for pixel in range(pixels):
        lines += [f"sums[{pixel} * sums_step + {c}] = s{pixel}{c};" for c in range(channels)]
    lines.append(f"sums += {channels};")
    body = "\n".join(f"        {line}" for line in lines)
    text = f"{prototype} {{\n    for (; groups > 0; --groups) {{\n{body}\n    }}\n}}\n"
    return CodeUnit(name, prototype, "c", text)
