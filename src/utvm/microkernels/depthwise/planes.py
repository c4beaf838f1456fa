"""Widening NHWC int8 into int16 planes, four channels at a time, with a border of the zero point."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import (
    advance,
    alu,
    branch,
    constant,
    extend,
    ldr,
    mov,
    pack,
    shift,
    store_post,
)
from utvm.operators.kernel import CodeUnit

CHANNELS = 4
"""Planes written at a time: the bytes of a word."""

_ELEMENT_BYTES = 2
# Pairs of pixels that are written out one after another; more become a loop.
_UNROLLED_PAIRS = 6
_PAIRS_A_ROUND = (4, 3, 2)
_POINTERS = ("r1", "r2", "r3", "r4")
_SETS = (("r5", "r6", "r7"), ("r8", "r9", "r10"))
_REACH = 4092

PLANE_EDGES = CodeUnit(
    "utvm_plane_edges_s16",
    "void utvm_plane_edges_s16(int16_t *plane, int32_t pitch, int32_t rows, int32_t above, int32_t image_rows,\n"
    "    int32_t left, int32_t columns, int32_t value)",
    "c",
    """/* Fill what lies around image_rows by columns elements at (above, left) of a plane of rows by pitch. */
void utvm_plane_edges_s16(int16_t *plane, int32_t pitch, int32_t rows, int32_t above, int32_t image_rows,
                          int32_t left, int32_t columns, int32_t value) {
    const int32_t below = above + image_rows;
    for (int32_t i = 0; i < above * pitch; ++i) {
        plane[i] = (int16_t)value;
    }
    for (int32_t row = above; row < below; ++row) {
        for (int32_t x = 0; x < left; ++x) {
            plane[row * pitch + x] = (int16_t)value;
        }
        for (int32_t x = left + columns; x < pitch; ++x) {
            plane[row * pitch + x] = (int16_t)value;
        }
    }
    for (int32_t i = below * pitch; i < rows * pitch; ++i) {
        plane[i] = (int16_t)value;
    }
}
""",
)

PLANE_SINGLE = CodeUnit(
    "utvm_plane_single_s16",
    "void utvm_plane_single_s16(const int8_t *image, int16_t *plane, int32_t rows, int32_t columns, int32_t pitch,\n"
    "    int32_t pixel_step, int32_t row_step)",
    "c",
    """/* Widen rows by columns elements of one channel; steps of the image in bytes. */
void utvm_plane_single_s16(const int8_t *image, int16_t *plane, int32_t rows, int32_t columns, int32_t pitch,
                           int32_t pixel_step, int32_t row_step) {
    for (int32_t row = 0; row < rows; ++row) {
        for (int32_t x = 0; x < columns; ++x) {
            plane[row * pitch + x] = image[row * row_step + x * pixel_step];
        }
    }
}
""",
)


@dataclass(frozen=True)
class PlaneLayout:
    """One channel as a window sees it, in elements: `columns` of each row are the image's, from `left` on.

    `pitch` is even, so that rows are aligned to words.
    """

    rows: int
    pitch: int
    left: int
    columns: int

    @property
    def plane_bytes(self) -> int:
        """From one plane to the next."""
        return self.rows * self.pitch * _ELEMENT_BYTES


def widen_refusal(layout: PlaneLayout, pixel_step: int) -> str:
    """Why `widen_planes` cannot be made; empty if it can."""
    if layout.columns < 1:
        return "no pixel lies under a window"
    if pixel_step > _REACH:
        return f"pixels are {pixel_step} bytes apart, too far for a load"
    return ""


@lru_cache(maxsize=256)
def widen_planes(layout: PlaneLayout, pixel_step: int, row_step: int, core: Core) -> CodeUnit:
    """`void f(const int8_t *image, int16_t *planes, int32_t rows)`: four channels from `image` on into four planes.

    `planes` is where the first pixel goes in the first plane; at least one row. Steps are bytes from a pixel to the
    next of its row, and from a row to the next.
    """
    name = (
        f"utvm_planes_4_s16_s8_x{layout.columns}at{layout.left % 2}w{2 * layout.pitch}c{layout.plane_bytes}"
        f"p{pixel_step}r{row_step}_{TUNINGS[core.name]}"
    )
    prototype = f"void {name}(const int8_t *image, int16_t *planes, int32_t rows)"
    function = AssemblyFunction(name, prototype, core)
    entry = [mov("r11", "r2")]
    for before, pointer in pairwise(_POINTERS):
        entry += _sum(pointer, before, layout.plane_bytes)
    function.block(entry)
    function.label(1)
    # An odd pixel at the left border shares its word with the border.
    lead = layout.left % 2
    pairs, trail = divmod(layout.columns - lead, 2)
    body = _single() + advance("r0", pixel_step) if lead else []
    round_pairs = next((count for count in _PAIRS_A_ROUND if pairs % count == 0), 1)
    if pairs > _UNROLLED_PAIRS:
        function.block([*body, *constant("lr", pairs // round_pairs)])
        function.label(2)
        pair_bodies = _pairs(round_pairs, pixel_step)
        function.block([*pair_bodies, alu("subs", "lr", "lr", 1), branch("ne", "2b")], loop=True)
        body = []
    else:
        body += _pairs(pairs, pixel_step)
    if trail:
        body += _single() + advance("r0", pixel_step)
    body += advance("r0", row_step - layout.columns * pixel_step)
    for pointer in _POINTERS:
        body += advance(pointer, _ELEMENT_BYTES * (layout.pitch - layout.columns))
    function.block([*body, alu("subs", "r11", "r11", 1), branch("ne.w", "1b")], loop=True)
    return function.unit()


def _sum(target: str, source: str, step: int) -> list[Instruction]:
    """target = source + step, for any step."""
    return [*constant(target, step), alu("add", target, target, source)]


def _pairs(count: int, pixel_step: int) -> list[Instruction]:
    """Two neighbouring pixels, `count` times: one word into each plane.

    Half-words of two channels are brought together first, so that the same extensions serve both pixels.
    """
    found: list[Instruction] = []
    offset = 0
    for index in range(count):
        first, second, third = _SETS[index % len(_SETS)]
        found += [ldr(first, "r0", offset, "image"), ldr(second, "r0", offset + pixel_step, "image")]
        offset += 2 * pixel_step
        if index == count - 1 or offset + pixel_step > _REACH:
            found += advance("r0", offset)
            offset = 0
        found += [pack("pkhbt", third, first, second, 16), pack("pkhtb", second, second, first, 16)]
        channels = ((first, third, 0), (third, third, 8), (first, second, 0), (second, second, 8))
        for (value, source, rotation), pointer in zip(channels, _POINTERS, strict=True):
            found.append(extend("sxtb16", value, source, rotation))
            found.append(store_post("str", value, pointer, 2 * _ELEMENT_BYTES, f"plane {pointer}"))
    return found


def _single() -> list[Instruction]:
    """One pixel: a half-word into each plane."""
    found = [ldr("r5", "r0", 0, "image"), extend("sxtb16", "r7", "r5"), extend("sxtb16", "r9", "r5", 8)]
    found += [shift("lsr", "r8", "r7", 16), shift("lsr", "r10", "r9", 16)]
    for value, pointer in zip(("r7", "r9", "r8", "r10"), _POINTERS, strict=True):
        found.append(store_post("strh", value, pointer, _ELEMENT_BYTES, f"plane {pointer}"))
    return found
