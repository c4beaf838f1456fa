"""The C of a convolution with vector dot products."""

from __future__ import annotations

from collections.abc import Sequence

from utvm.model.operator_types import Conv2D
from utvm.schedules.conv2d_mve_layout import VectorLayout


def conv_body(operator: Conv2D, layout: VectorLayout, names: Sequence[str]) -> list[str]:
    """Statements; `names` are the functions tile, pad_row where there is a strip, gather where windows are gathered."""
    geometry, rows = layout.geometry, layout.rows
    tile, *others = names
    if geometry.flat:
        return _flat(layout, tile, others)
    pad = others.pop(0) if layout.padded else ""
    gather = others.pop(0) if layout.gather else ""
    image, result = ("input", "output") if geometry.batch == 1 else ("image", "result")
    source = "strip" if layout.padded else f"{image} + y * {geometry.strides[0] * layout.row_bytes}"
    lines: list[str] = []
    if rows > 1:
        whole = geometry.out_height % rows == 0
        count = str(rows) if whole else f"utvm_min_int32({rows}, {geometry.out_height} - y)"
        lines.append(f"const int32_t rows = {count};")
    if layout.padded:
        lines += _strip(operator, layout, pad, image)
    x = source
    if gather:
        step = geometry.strides[0] * layout.row_bytes
        call = f"{gather}(patches{{to}}, {source}{{at}}, {geometry.out_width});"
        lines += _each_row(call, rows, geometry.out_width * layout.windows.pitch, step)
        x = "patches"
    output_row = geometry.out_width * geometry.out_channels
    out = f"{result} + y * {output_row}"
    if gather or rows == 1:
        count = f"rows * {geometry.out_width}" if rows > 1 else str(geometry.out_width)
        lines.append(f"{tile}({x}, weights, scales, {out}, {count});")
    else:
        step = geometry.strides[0] * layout.row_bytes
        call = f"{tile}({x}{{at}}, weights, scales, {out}{{to}}, {geometry.out_width});"
        lines += _each_row(call, rows, output_row, step)
    advance = f"y += {rows}" if rows > 1 else "++y"
    lines = [f"for (int32_t y = 0; y < {geometry.out_height}; {advance}) {{", *(f"    {line}" for line in lines), "}"]
    if geometry.batch > 1:
        places = [
            f"const int8_t *image = input + n * {geometry.height * geometry.width * geometry.channels};",
            f"int8_t *result = output + n * {geometry.out_height * output_row};",
        ]
        lines = [f"for (int32_t n = 0; n < {geometry.batch}; ++n) {{", *(f"    {line}" for line in places + lines), "}"]
    return lines


def _flat(layout: VectorLayout, tile: str, copies: Sequence[str]) -> list[str]:
    """Pixel after pixel, a number of them at a time, copied first if there is a function that does."""
    geometry, passes = layout.geometry, layout.passes
    pixels, in_step, out_step = geometry.out_width, geometry.channels, geometry.out_channels
    if len(passes) == 1:
        copied = [f"{name}(patches, input, 0, {pixels * in_step}, 0, 0);" for name in copies]
        return [*copied, f"{tile}({'patches' if copies else 'input'}, weights, scales, output, {pixels});"]
    last, end = passes[-1]
    counted = f"pass == {len(passes) - 1} ? {end - last} : {layout.rows}"
    image = f"input + pass * {layout.rows * in_step}"
    lines = [
        f"const int32_t count = {layout.rows if end - last == layout.rows else counted};",
        *(f"{name}(patches, {image}, 0, count * {in_step}, 0, 0);" for name in copies),
        f"{tile}({'patches' if copies else image}, weights, scales, output + pass * {layout.rows * out_step}, count);",
    ]
    return [f"for (int32_t pass = 0; pass < {len(passes)}; ++pass) {{", *(f"    {line}" for line in lines), "}"]


def _each_row(call: str, rows: int, to: int, at: int) -> list[str]:
    if rows == 1:
        return [call.format(to="", at="")]
    body = call.format(to=f" + row * {to}", at=f" + row * {at}")
    return ["for (int32_t row = 0; row < rows; ++row) {", f"    {body}", "}"]


def _strip(operator: Conv2D, layout: VectorLayout, pad: str, image: str) -> list[str]:
    """Rows of the image, or of the zero point."""
    geometry, padding = layout.geometry, layout.geometry.padding
    channels, value = geometry.channels, operator.input_zero_point
    inside = max(0, min(geometry.width, layout.columns - padding.left))
    before, count = padding.left * channels, inside * channels
    after = layout.row_bytes - before - count
    if after < 0:
        before, after = layout.row_bytes, 0
    reach = (geometry.window[0] - 1) * layout.dilation[0] + 1
    strip_rows = str(layout.strip_rows)
    if layout.rows > 1:
        strip_rows = f"(rows - 1) * {geometry.strides[0]} + {reach}"
    return [
        f"for (int32_t row = 0; row < {strip_rows}; ++row) {{",
        f"    const int32_t from = y * {geometry.strides[0]} + row - {padding.top};",
        f"    int8_t *to = strip + row * {layout.row_bytes};",
        f"    if (from < 0 || from >= {geometry.height}) {{",
        f"        {pad}(to, {image}, {layout.row_bytes}, 0, 0, {value});",
        "    } else {",
        f"        {pad}(to, {image} + from * {geometry.width * channels}, {before}, {count}, {after}, {value});",
        "    }",
        "}",
    ]
