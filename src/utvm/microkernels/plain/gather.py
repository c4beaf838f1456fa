"""A row of a window, with zero points where it lies outside the image."""

from __future__ import annotations

from functools import lru_cache

from utvm.operators.kernel import CodeUnit

_FEWEST_BYTES_TO_CALL_FOR = 32


@lru_cache(maxsize=2)
def gather_row(most_bytes: int) -> CodeUnit:
    """`void f(int8_t *target, const int8_t *row, int32_t before, int32_t inside, int32_t after, int8_t zero)`.

    Three counts of bytes; `most_bytes` may be inside. memcpy takes words at a time, but has to be called.
    """
    blocks = most_bytes >= _FEWEST_BYTES_TO_CALL_FOR
    name = "utvm_gather_row" + ("_blocks" if blocks else "")
    prototype = (
        f"void {name}(int8_t *target, const int8_t *row, int32_t before, int32_t inside, int32_t after,\n"
        "    int8_t zero)"
    )
    zeros = "    for (; {0} > 0; --{0}) {{\n        *target++ = zero;\n    }}\n"
    copy = "    for (; inside > 0; --inside) {\n        *target++ = *row++;\n    }\n"
    if blocks:
        copy = "    __builtin_memcpy(target, row, (uint32_t)inside);\n    target += inside;\n"
    return CodeUnit(name, prototype, "c", f"{prototype} {{\n{zeros.format('before')}{copy}{zeros.format('after')}}}\n")
