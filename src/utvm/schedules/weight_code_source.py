"""The C around weights in code: strips are filled, rows of outputs computed in pairs."""

from __future__ import annotations

from utvm.schedules.weight_code_plan import PairGeometry


def pair_loops(geometry: PairGeometry, block: int, fill: str, unit: str) -> str:
    """Loops over images, pairs of rows, and blocks of columns; or over blocks of two rows of pixels."""
    g = geometry
    if g.flat:
        return _flat_loop(g, block, fill, unit)
    columns = g.strip_columns(block)
    lines: list[str] = []
    depth = 0

    def line(text: str) -> None:
        lines.append("    " * depth + text if text else "")

    if g.batch > 1:
        line(f"for (int32_t n = 0; n < {g.batch}; ++n) {{")
        depth += 1
    if g.pairs > 1:
        line(f"for (int32_t pair = 0; pair < {g.pairs}; ++pair) {{")
        depth += 1
        upper = "2 * pair" if g.out_height % 2 == 0 else f"utvm_min_int32(2 * pair, {g.out_height - 2})"
        line(f"const int32_t y = {upper};")
        top = _plus(f"y * {g.strides[0]}", -g.above)
        output = f"output + {f'(n * {g.out_height} + y)' if g.batch > 1 else 'y'} * {g.out_width * g.out_channels}"
    else:
        top = str(-g.above)
        output = f"output + n * {g.out_height * g.out_width * g.out_channels}" if g.batch > 1 else "output"
    blocks = -(-g.out_width // block)
    if blocks > 1:
        line(f"for (int32_t x = 0; x < {g.out_width}; x += {block}) {{")
        depth += 1
        count = str(block) if g.out_width % block == 0 else f"utvm_min_int32({g.out_width} - x, {block})"
        line(f"const int32_t first = {_plus(f'x * {g.strides[1]}', -g.before)};")
        output += f" + x * {g.out_channels}"
    else:
        count = str(block)
        line(f"const int32_t first = {-g.before};")
    line("const int32_t begin = utvm_max_int32(first, 0);")
    line(f"const int32_t before = utvm_min_int32(begin - first, {columns});")
    line(f"const int32_t inside = utvm_max_int32(utvm_min_int32({g.width} - begin, {columns} - before), 0);")
    line(f"for (int32_t i = 0; i < {g.window[0]}; ++i) {{")
    depth += 1
    line(f"const int32_t row = {_plus(top, 0)} + i * {g.dilation[0]};")
    image = "image + (n * {0} + {{}}) * {1} + begin * {2}" if g.batch > 1 else "image + {{}} * {1} + begin * {2}"
    place = image.format(g.height, g.width * g.channels, g.channels)
    lower = f"row + {g.strides[0]}" if g.out_height > 1 else "row"
    line(f"const int32_t lower = {lower};")
    for name, at in (("upper_row", "row"), ("lower_row", "lower")):
        line(f"const int8_t *{name} = {at} >= 0 && {at} < {g.height} ? {place.format(at)} : 0;")
    line(f"{fill}(strip + i * {columns * g.channels}, upper_row, lower_row, before * {g.channels},")
    line(f"    inside * {g.channels}, ({columns} - before - inside) * {g.channels}, zero);")
    depth -= 1
    line("}")
    line(f"{unit}(strip, {output}, {count}, scales);")
    while depth:
        depth -= 1
        line("}")
    return "\n".join(lines)


def _flat_loop(g: PairGeometry, block: int, fill: str, unit: str) -> str:
    second = block if g.out_width > 1 else 0
    begin = (
        "p" if g.out_width % (2 * block) == 0 or g.out_width == 1 else f"utvm_min_int32(p, {g.out_width - 2 * block})"
    )
    lines = [
        f"for (int32_t p = 0; p < {g.out_width}; p += {2 * block}) {{",
        f"    const int32_t first = {begin};",
        f"    const int8_t *upper = image + first * {g.channels};",
        f"    {fill}(strip, upper, upper + {second * g.channels}, 0, {block * g.channels}, 0, zero);",
        f"    {unit}(strip, output + first * {g.out_channels}, {block}, scales);",
        "}",
    ]
    return "\n".join(lines)


def _plus(text: str, constant: int) -> str:
    if constant == 0:
        return text
    return f"{text} {'+' if constant > 0 else '-'} {abs(constant)}"
