"""Dot products of several vectors with several rows of weights: every byte loaded is used for all of the others."""

from __future__ import annotations

import numpy as np

from utvm.model.tensor import Array
from utvm.operators.kernel import CodeUnit


def pack_tiles(weights: Array, channels: int, unroll: int) -> Array:
    """int8 [rows, depth] as [groups, taps, channels], filled up with zeros; two-dimensional: a row per group."""
    rows, depth = weights.shape
    padded = np.zeros((-(-rows // channels) * channels, -(-depth // unroll) * unroll), dtype=np.int8)
    padded[:rows, :depth] = weights
    groups = padded.reshape(-1, channels, padded.shape[1]).transpose(0, 2, 1)
    return np.ascontiguousarray(groups).reshape(len(groups), -1)


def tile_sums(pixels: int, channels: int, unroll: int, tiles: int) -> CodeUnit:
    """`void f(const int8_t *x, int32_t x_step, const int8_t *weights, int32_t taps, int32_t *sums, int32_t sums_step,
    int32_t groups)`: sums of `tiles` times `pixels` vectors, `x_step` bytes apart, by all groups of `channels` rows.

    Vector p's sums go to sums + p * sums_step; `taps` is a positive multiple of `unroll`, the taps of a round; weights
    are as packed above. All tiles meet a group of rows before the next: it is in the cache then, if there is one.
    """
    name = f"utvm_tile_sums_{pixels}x{channels}_u{unroll}" + (f"_t{tiles}" if tiles > 1 else "")
    prototype = (
        f"void {name}(const int8_t *x, int32_t x_step, const int8_t *weights, int32_t taps, int32_t *sums,\n"
        f"    int32_t sums_step, int32_t groups)"
    )
    # A function of its own, or compilers keep what goes around a tile in registers, and not the sums.
    one = (
        f"static void __attribute__((noinline)) {name}_one(const int8_t *x, int32_t x_step, const int8_t *weights,\n"
        "    int32_t taps, int32_t *sums, int32_t sums_step)"
    )
    place = ("x", "sums")
    if tiles > 1:
        place = (f"x + tile * {pixels} * x_step", f"sums + tile * {pixels} * sums_step")
    calls = [f"{name}_one({place[0]}, x_step, weights, taps, {place[1]}, sums_step);"]
    if tiles > 1:
        calls = [f"for (int32_t tile = 0; tile < {tiles}; ++tile) {{", f"    {calls[0]}", "}"]
    group = [*calls, f"weights += taps * {channels};", f"sums += {channels};"]
    loop = ["for (; groups > 0; --groups) {", *(f"    {line}" for line in group), "}"]
    return CodeUnit(name, prototype, "c", _function(one, _tile(pixels, channels, unroll)) + _function(prototype, loop))


def _function(prototype: str, lines: list[str]) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"{prototype} {{\n{body}\n}}\n"


def _tile(pixels: int, channels: int, unroll: int) -> list[str]:
    """Sums of some vectors by one group, which is passed over."""
    pairs = [(pixel, channel) for pixel in range(pixels) for channel in range(channels)]
    lines = [f"const int8_t *x{pixel} = x + {pixel} * x_step;" for pixel in range(pixels)]
    lines.append("int32_t " + ", ".join(f"s{p}{c} = 0" for p, c in pairs) + ";")
    lines.append(f"for (int32_t left = taps; left > 0; left -= {unroll}) {{")
    for step in range(unroll):
        lines.append("    {")
        lines += [f"        const int32_t w{c} = weights[{step * channels + c}];" for c in range(channels)]
        for pixel in range(pixels):
            lines.append(f"        const int32_t v{pixel} = x{pixel}[{step}];")
            lines += [f"        s{pixel}{c} += v{pixel} * w{c};" for c in range(channels)]
        lines.append("    }")
    lines += [f"    x{pixel} += {unroll};" for pixel in range(pixels)]
    lines += [f"    weights += {unroll * channels};", "}"]
    for pixel in range(pixels):
        lines += [f"sums[{pixel} * sums_step + {c}] = s{pixel}{c};" for c in range(channels)]
    return lines
