"""Widening NHWC int8 into int16 planes, four channels at a time, with a border of the zero point."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from utvm.boards import Core
from utvm.microkernels.assembly import TUNINGS, AssemblyFunction, Instruction
from utvm.microkernels.assembly.operations import (
    advance,
    alu,
    branch,
    constant,
    extend,
    ldr,
    pack,
    shift,
    store_post,
)
from utvm.model.tensor import Array
from utvm.operators.kernel import CodeUnit

CHANNELS = 4
"""Planes written at a time: the bytes of a word."""

_ELEMENT_BYTES = 2
# Pairs of pixels that are written out one after another; more become a loop.
_UNROLLED_PAIRS = 6
_PAIRS_A_ROUND = (4, 3, 2)
_POINTERS = ("r1", "r2", "r3", "r4")
_REACH = 4092

PLANE_EDGES = CodeUnit(
    "utvm_plane_edges_s16",
    "void utvm_plane_edges_s16(int16_t *plane, const int32_t *layout, int32_t value)",
    "c",
    """/* Fill what lies around the image of a plane. layout: rows, pitch, top, left, image rows, image columns. */
void utvm_plane_edges_s16(int16_t *plane, const int32_t *layout, int32_t value) {
    const int32_t pitch = layout[1];
    const int32_t top = layout[2] * pitch;
    const int32_t left = layout[3];
    const int32_t below = top + layout[4] * pitch;
    const int32_t right = left + layout[5];
    for (int32_t i = 0; i < top; ++i) {
        plane[i] = (int16_t)value;
    }
    for (int32_t row = top; row < below; row += pitch) {
        for (int32_t x = 0; x < left; ++x) {
            plane[row + x] = (int16_t)value;
        }
        for (int32_t x = right; x < pitch; ++x) {
            plane[row + x] = (int16_t)value;
        }
    }
    for (int32_t i = below; i < layout[0] * pitch; ++i) {
        plane[i] = (int16_t)value;
    }
}
""",
)

PLANE_SINGLE = CodeUnit(
    "utvm_plane_single_s16",
    "void utvm_plane_single_s16(int16_t *plane, const int8_t *image, const int32_t *layout, int32_t pixel_step, "
    "int32_t row_step)",
    "c",
    """/* Widen one channel of an image into a plane; layout as for utvm_plane_edges_s16, steps in bytes. */
void utvm_plane_single_s16(int16_t *plane, const int8_t *image, const int32_t *layout, int32_t pixel_step,
                           int32_t row_step) {
    int16_t *cell = plane + layout[2] * layout[1] + layout[3];
    for (int32_t row = 0; row < layout[4]; ++row) {
        for (int32_t x = 0; x < layout[5]; ++x) {
            cell[x] = image[x * pixel_step];
        }
        cell += layout[1];
        image += row_step;
    }
}
""",
)


@dataclass(frozen=True)
class PlaneLayout:
    """One channel as a window sees it, in elements: `image_rows` by `image_columns` at (`top`, `left`) of a plane.

    `pitch` is even, so that rows are aligned to words.
    """

    rows: int
    pitch: int
    top: int
    left: int
    image_rows: int
    image_columns: int

    @property
    def plane_bytes(self) -> int:
        """From one plane to the next."""
        return self.rows * self.pitch * _ELEMENT_BYTES

    def description(self) -> Array:
        """What the C functions call layout: int32 [6]."""
        return np.array(
            [self.rows, self.pitch, self.top, self.left, self.image_rows, self.image_columns], dtype=np.int32
        )

    def plane(self, image: Array, zero_point: int) -> Array:
        """The meaning: int16 [rows, pitch] of an int8 image [height, width], larger than `image_rows` perhaps."""
        plane = np.full((self.rows, self.pitch), zero_point, dtype=np.int16)
        rows, columns = slice(self.top, self.top + self.image_rows), slice(self.left, self.left + self.image_columns)
        plane[rows, columns] = image[: self.image_rows, : self.image_columns]
        return plane


def widen_refusal(layout: PlaneLayout, pixel_step: int) -> str:
    """Why `widen_planes` cannot be made; empty if it can."""
    if layout.image_rows < 1 or layout.image_columns < 1:
        return "no pixel lies under a window"
    if pixel_step > _REACH:
        return f"pixels are {pixel_step} bytes apart, too far for a load"
    return ""


@lru_cache(maxsize=256)
def widen_planes(layout: PlaneLayout, pixel_step: int, row_step: int, core: Core) -> CodeUnit:
    """`void f(const int8_t *image, int16_t *planes)`: four channels from `image` on into four planes, image part only.

    Steps are bytes from a pixel to the next of its row, and from a row to the next.
    """
    name = (
        f"utvm_planes_4x{layout.rows}x{layout.pitch}_s16_s8_i{layout.image_rows}x{layout.image_columns}"
        f"a{layout.top}_{layout.left}p{pixel_step}r{row_step}_{TUNINGS[core.name]}"
    )
    function = AssemblyFunction(name, f"void {name}(const int8_t *image, int16_t *planes)", core)
    start = _ELEMENT_BYTES * (layout.top * layout.pitch + layout.left)
    entry = advance("r1", start)
    for before, pointer in pairwise(_POINTERS):
        entry += _sum(pointer, before, layout.plane_bytes)
    function.block([*entry, *constant("r11", layout.image_rows)])
    function.label(1)
    # An odd pixel at the left border shares its word with the border.
    lead = layout.left % 2
    pairs, trail = divmod(layout.image_columns - lead, 2)
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
    body += advance("r0", row_step - layout.image_columns * pixel_step)
    for pointer in _POINTERS:
        body += advance(pointer, _ELEMENT_BYTES * (layout.pitch - layout.image_columns))
    function.block([*body, alu("subs", "r11", "r11", 1), branch("ne.w", "1b")], loop=True)
    return function.unit()


def _sum(target: str, source: str, step: int) -> list[Instruction]:
    """target = source + step, for any step."""
    return [*constant(target, step), alu("add", target, target, source)]


def _pairs(count: int, pixel_step: int) -> list[Instruction]:
    """Two neighbouring pixels, `count` times: one word into each plane."""
    found: list[Instruction] = []
    for _ in range(count):
        found += [ldr("r5", "r0", 0, "image"), ldr("r6", "r0", pixel_step, "image"), *advance("r0", 2 * pixel_step)]
        found += [extend("sxtb16", "r7", "r5"), extend("sxtb16", "r8", "r6")]
        found += [extend("sxtb16", "r9", "r5", 8), extend("sxtb16", "r10", "r6", 8)]
        found += [pack("pkhbt", "r5", "r7", "r8", 16), pack("pkhtb", "r7", "r8", "r7", 16)]
        found += [pack("pkhbt", "r6", "r9", "r10", 16), pack("pkhtb", "r9", "r10", "r9", 16)]
        for value, pointer in zip(("r5", "r6", "r7", "r9"), _POINTERS, strict=True):
            found.append(store_post("str", value, pointer, 2 * _ELEMENT_BYTES, "planes"))
    return found


def _single() -> list[Instruction]:
    """One pixel: a half-word into each plane."""
    found = [ldr("r5", "r0", 0, "image"), extend("sxtb16", "r7", "r5"), extend("sxtb16", "r9", "r5", 8)]
    found += [shift("lsr", "r8", "r7", 16), shift("lsr", "r10", "r9", 16)]
    for value, pointer in zip(("r7", "r9", "r8", "r10"), _POINTERS, strict=True):
        found.append(store_post("strh", value, pointer, _ELEMENT_BYTES, "planes"))
    return found
