"""Sums of products of a tile of pixels by channels, in plain C."""

from __future__ import annotations

from functools import lru_cache

from utvm.operators.kernel import CodeUnit


@lru_cache(maxsize=64)
def sums_unit(pixels: int, channels: int, unroll: int) -> CodeUnit:
    """`void f(x, pixel_step, row_step, weights, rows, run, bias, sums)`: sums[pixel][channel] of int8 products.

    A window is `rows` runs of `run` contiguous bytes, `row_step` apart; pixels are `pixel_step` bytes apart. Weights
    are [rows * run][channels]; `unroll` taps are multiplied per round.
    """
    name = f"utvm_sums_s8_{pixels}x{channels}_u{unroll}"
    prototype = (
        f"void {name}(const int8_t *x, int32_t pixel_step, int32_t row_step, const int8_t *weights, int32_t rows, "
        "int32_t run, const int32_t *bias, int32_t *sums)"
    )
    sums = [(pixel, channel) for pixel in range(pixels) for channel in range(channels)]

    def taps(count: int, indent: str) -> list[str]:
        lines = []
        for tap in range(count):
            lines.append(f"{indent}{{")
            lines += [f"{indent}    const int32_t x{pixel} = p{pixel}[{tap}];" for pixel in range(pixels)]
            for channel in range(channels):
                lines.append(f"{indent}    const int32_t w{channel} = weights[{tap * channels + channel}];")
            lines += [f"{indent}    a{pixel}{channel} += x{pixel} * w{channel};" for pixel, channel in sums]
            lines.append(f"{indent}}}")
        lines += [f"{indent}p{pixel} += {count};" for pixel in range(pixels)]
        return [*lines, f"{indent}weights += {count * channels};"]

    lines = [f"{prototype} {{"]
    lines += [f"    int32_t a{pixel}{channel} = bias[{channel}];" for pixel, channel in sums]
    lines += ["    for (int32_t row = 0; row < rows; ++row) {"]
    lines += [f"        const int8_t *p{pixel} = x + {pixel} * pixel_step;" for pixel in range(pixels)]
    lines += ["        int32_t left = run;"]
    lines += [f"        for (; left >= {unroll}; left -= {unroll}) {{", *taps(unroll, " " * 12), "        }"]
    if unroll > 1:
        lines += ["        for (; left > 0; --left) {", *taps(1, " " * 12), "        }"]
    lines += ["        x += row_step;", "    }"]
    lines += [f"    sums[{index}] = a{pixel}{channel};" for index, (pixel, channel) in enumerate(sums)]
    return CodeUnit(name, prototype, "c", "\n".join([*lines, "}", ""]))
