"""Filling strips of paired inputs: two rows of bytes become one row of words, the upper row in the low halves."""

from __future__ import annotations

from utvm.operators.kernel import CodeUnit

_PARAMETERS = "int32_t *strip, const int8_t *upper, const int8_t *lower, int32_t count"
_BYTES_C = f"""void utvm_pair_bytes({_PARAMETERS}) {{
    for (int32_t i = 0; i < count; ++i) {{
        strip[i] = (int32_t)((uint32_t)upper[i] + ((uint32_t)lower[i] << 16));
    }}
}}
"""
_ROWS = """void utvm_pair_rows{suffix}(int32_t *strip, const int8_t *upper, const int8_t *lower,
    int32_t before, int32_t inside, int32_t after, int32_t zero)"""
_ROWS_C = """{prototype} {{
    const uint32_t pad = (uint32_t)zero + ((uint32_t)zero << 16);
    for (; before > 0; --before) {{
        *strip++ = (int32_t)pad;
    }}
    if (upper != 0 && lower != 0) {{
        {pair}(strip, upper, lower, inside);
    }} else {{
        for (int32_t i = 0; i < inside; ++i) {{
            const int32_t low = upper != 0 ? upper[i] : zero;
            const int32_t high = lower != 0 ? lower[i] : zero;
            strip[i] = (int32_t)((uint32_t)low + ((uint32_t)high << 16));
        }}
    }}
    for (strip += inside; after > 0; --after) {{
        *strip++ = (int32_t)pad;
    }}
}}
"""

PAIR_BYTES = CodeUnit("utvm_pair_bytes", f"void utvm_pair_bytes({_PARAMETERS})", "c", _BYTES_C)


def pair_quads() -> CodeUnit:
    """The same for rows aligned to words and counts in multiples of four, in Thumb instructions."""
    name = "utvm_pair_quads_v6m"

    def pair(target: str) -> list[str]:
        """The lowest bytes of r4 and r5, which are then the next ones."""
        word = [f"sxtb {target}, r4", "lsls r3, r5, #24", "asrs r3, r3, #8", f"adds {target}, {target}, r3"]
        return [*word, "asrs r4, r4, #8", "asrs r5, r5, #8"]

    last = ["lsls r5, r5, #16", "adds r7, r4, r5"]
    one_quad = ["ldmia r1!, {r4}", "ldmia r2!, {r5}", *pair("r6"), *pair("r7"), "stmia r0!, {r6, r7}"]
    one_quad += [*pair("r6"), *last, "stmia r0!, {r6, r7}"]
    lines = [
        f'    .section .text.{name}, "ax", %progbits',
        "    .syntax unified",
        "    .thumb",
        "    .balign 8",
        f"    .global {name}",
        f"    .type {name}, %function",
        "    .thumb_func",
        f"{name}:",
        "    push {r4-r7, lr}",
        "    lsls r3, r3, #2",
        "    beq 2f",
        "    adds r3, r3, r0",
        "    mov r12, r3",
        "    .balign 8",
        "1:",
        *(f"    {line}" for line in one_quad),
        "    cmp r0, r12",
        "    blo 1b",
        "2:",
        "    pop {r4-r7, pc}",
        f"    .size {name}, . - {name}",
    ]
    return CodeUnit(name, f"void {name}({_PARAMETERS})", "asm", "\n".join(lines) + "\n")


def strip_units(quads: bool) -> tuple[CodeUnit, ...]:
    """`utvm_pair_rows...` last and what it calls: counts of words; rows outside the image are null.

    `quads`: all rows begin at words and have elements in multiples of four.
    """
    pair = pair_quads() if quads else PAIR_BYTES
    prototype = _ROWS.format(suffix="_quads" if quads else "")
    name = prototype.split("(")[0].split()[1]
    return pair, CodeUnit(name, prototype, "c", _ROWS_C.format(prototype=prototype, pair=pair.name))
