"""A row of a window, with zero points where it lies outside the image."""

from __future__ import annotations

from utvm.operators.kernel import CodeUnit

_PROTOTYPE = """void utvm_gather_row(int8_t *target, const int8_t *row, int32_t before, int32_t inside, int32_t after,
    int8_t zero)"""

GATHER = CodeUnit(
    "utvm_gather_row",
    _PROTOTYPE,
    "c",
    f"""{_PROTOTYPE} {{
    for (; before > 0; --before) {{
        *target++ = zero;
    }}
    for (; inside > 0; --inside) {{
        *target++ = *row++;
    }}
    for (; after > 0; --after) {{
        *target++ = zero;
    }}
}}
""",
)
