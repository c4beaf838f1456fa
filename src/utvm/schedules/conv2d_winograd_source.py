"""The C around the units of a Winograd convolution: groups of tiles, rows of pixels, pairs of channels."""

from __future__ import annotations

from collections.abc import Sequence

from utvm.microkernels.conv.strips import FILL
from utvm.microkernels.conv_winograd.products import SUMS_TILE_BYTES
from utvm.microkernels.conv_winograd.weights import RECORD_WORDS
from utvm.model.operator_types import Conv2D
from utvm.schedules.conv2d_channels import low_channel
from utvm.schedules.conv2d_winograd_layout import WinogradLayout

_BODY = """\
int16_t *patches = (int16_t *)workspace;
int32_t *sums = workspace + {patches_words};
int16_t *strip = (int16_t *)sums;
for (int32_t row = 0; row < {tiles_down}; row += {tile_rows}) {{
    const int32_t tile_rows = row <= {last_row} ? {tile_rows} : {tiles_down} - row;
    for (int32_t column = 0; column < {tiles_across}; column += {tiles}) {{
        const int32_t tiles = column <= {last_column} ? {tiles} : {tiles_across} - column;
        const int32_t columns = 2 * tiles + {border_columns};
        const int32_t x = 2 * column - {left};
        const int32_t begin = x < 0 ? -x : 0;
        const int32_t end = x + columns > {width} ? {width} - x : columns;
        for (int32_t line = 0; line < 2 * tile_rows + {border_rows}; ++line) {{
            const int32_t y = 2 * row + line - {top};
            int16_t *place = strip + line * {row_elements};
            if (y < 0 || y >= {height} || begin >= end) {{
                {fill}(place, {zero_point}, columns * {channels});
                continue;
            }}
            {fill}(place, {zero_point}, begin * {channels});
            {widen}(place + begin * {channels}, image + (y * {width} + x + begin) * {channels},
                {widen_count});
            {fill}(place + end * {channels}, {zero_point}, (columns - end) * {channels});
        }}
        for (int32_t line = 0; line < tile_rows; ++line) {{
            const int16_t *from = strip + line * {two_rows_elements};
            int16_t *to = patches + line * tiles * {patch_elements};
{transforms}
        }}
        const int32_t tile_pairs = (tile_rows * tiles + 1) / 2;
        for (int32_t pair = 0; pair < {pairs}; ++pair) {{
            int8_t *at = out + (row * {out_width} + column) * {two_pixels} + {low_channel};
            const int32_t *pair_weights = weights + pair * {pair_words};
{products}
            for (int32_t line = 0; line < tile_rows; ++line) {{
                {results}(sums + line * tiles * {tile_sums}, records + pair * {record_words},
                    at + line * {two_out_rows}, tiles);
            }}
        }}
    }}
}}"""


def winograd_body(
    operator: Conv2D,
    layout: WinogradLayout,
    in_quads: bool,
    widen: str,
    transforms: Sequence[str],
    products: Sequence[str],
    results: str,
) -> str:
    """The kernel's statements, from the units' names: `transforms` by the window's blocks, `products` by its runs."""
    geometry = layout.geometry
    channels, window = geometry.channels, layout.window
    patch_elements = window.products * channels
    transform_calls = [
        f"{12 * ' '}{name}({_at('from', block.top * layout.strip_row_elements + block.left * channels)}, to, tiles);"
        for name, block in zip(transforms, window.blocks, strict=True)
    ]
    product_calls = [
        f"{12 * ' '}{name}({_at('patches', run.begin * channels)}, {_at('pair_weights', run.begin * channels)}, "
        f"{_at('sums', 2 * run.first)}, tile_pairs);"
        for name, run in zip(products, window.runs, strict=True)
    ]
    down, across = geometry.out_height // 2, geometry.out_width // 2
    body = _BODY.format(
        patches_words=layout.patches_bytes // 4,
        tiles_down=down,
        tiles_across=across,
        tile_rows=layout.tile_rows,
        tiles=layout.tiles,
        last_row=down - layout.tile_rows,
        last_column=across - layout.tiles,
        left=geometry.padding.left,
        top=geometry.padding.top,
        width=geometry.width,
        height=geometry.height,
        channels=geometry.channels,
        zero_point=operator.input_zero_point,
        row_elements=layout.strip_row_elements,
        two_rows_elements=2 * layout.strip_row_elements,
        patch_elements=patch_elements,
        border_columns=window.columns - 1,
        border_rows=window.rows - 1,
        widen_count=f"(end - begin) * {geometry.channels // 4 if in_quads else geometry.channels}",
        pairs=(geometry.out_channels + 1) // 2,
        pair_words=patch_elements,
        record_words=RECORD_WORDS,
        tile_sums=SUMS_TILE_BYTES // 4,
        out_width=geometry.out_width,
        two_pixels=2 * geometry.out_channels,
        two_out_rows=2 * geometry.out_width * geometry.out_channels,
        low_channel=low_channel(geometry.out_channels),
        fill=FILL.name,
        widen=widen,
        transforms="\n".join(transform_calls),
        products="\n".join(product_calls),
        results=results,
    )
    image = geometry.height * geometry.width * geometry.channels
    out = geometry.out_height * geometry.out_width * geometry.out_channels
    if geometry.batch == 1:
        return f"const int8_t *image = input;\nint8_t *out = output;\n{body}"
    lines = [f"const int8_t *image = input + n * {image};", f"int8_t *out = output + n * {out};", *body.split("\n")]
    return "\n".join([f"for (int32_t n = 0; n < {geometry.batch}; ++n) {{", *("    " + line for line in lines), "}"])


def _at(pointer: str, offset: int) -> str:
    return f"{pointer} + {offset}" if offset else pointer
