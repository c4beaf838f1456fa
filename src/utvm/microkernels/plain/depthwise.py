"""Sums of a depthwise window at one pixel, channel after channel, its taps written out."""

from __future__ import annotations

from utvm.operators.kernel import CodeUnit


def depthwise_sums(window: tuple[int, int], pixel_step: int, multiplier: int) -> CodeUnit:
    """`void f(const int8_t *x, int32_t row_step, const int8_t *weights, int32_t *sums, int32_t channels)`.

    `x` is the window's first pixel, `row_step` the bytes to the pixel below; weights are [channels, multiplier, taps].
    """
    height, width = window
    name = f"utvm_depthwise_sums_{height}x{width}_p{pixel_step}m{multiplier}"
    prototype = (
        f"void {name}(const int8_t *x, int32_t row_step, const int8_t *weights, int32_t *sums,\n    int32_t channels)"
    )
    rows = [f"    const int8_t *r{row} = x + {row} * row_step;" for row in range(height)]
    taps = [(row, column) for row in range(height) for column in range(width)]
    products = [f"sum += r{row}[{column * pixel_step}] * weights[{tap}];" for tap, (row, column) in enumerate(taps)]
    inside = ["int32_t sum = 0;", *products, "*sums++ = sum;", f"weights += {len(taps)};"]
    if multiplier > 1:
        inside = [f"for (int32_t m = 0; m < {multiplier}; ++m) {{", *(f"    {line}" for line in inside), "}"]
    inside += [f"++r{row};" for row in range(height)]
    body = "\n".join(f"        {line}" for line in inside)
    loop = f"    for (; channels > 0; --channels) {{\n{body}\n    }}\n"
    return CodeUnit(name, prototype, "c", f"{prototype} {{\n" + "\n".join(rows) + f"\n{loop}}}\n")
