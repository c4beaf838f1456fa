"""Where a kernel's output may lie over its input, when nothing else needs that input any more.

A kernel that is done with the beginning of its input while it still writes the beginning of its output can have both in
nearly the same memory: the input then only has to begin a little behind the output.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utvm.model.operator_types import Padding


@dataclass(frozen=True)
class Overlap:
    """How a written parameter may share memory with the parameter `over`, a tensor that is read.

    The tensor has to begin at least `least_bytes` behind where the written one does (less than 0: before it); `exact`:
    just so much behind, or apart.
    """

    over: str
    least_bytes: int
    exact: bool = False


def step_overlap(over: str, written: Sequence[int], needed: Sequence[int]) -> Overlap:
    """Of a kernel that works in steps.

    `written[i]` is how many bytes of the output are written, from its beginning on, when step i ends; `needed[i]` the
    first byte of the input that is read while step i writes, or in a later step. A step that reads all of its input
    before it writes needs what the next one reads.
    """
    return Overlap(over, max(int(end) - int(first) for end, first in zip(written, needed, strict=True)))


def window_overlap(
    over: str,
    image: tuple[int, ...],
    output: tuple[int, ...],
    strides: tuple[int, int],
    padding: Padding,
) -> Overlap:
    """Of a kernel that slides a window over int8 images [N,H,W,C] and writes one output pixel after the other."""
    batch, height, width, channels = image
    _, out_height, out_width, out_channels = output
    y = np.clip(np.arange(out_height) * strides[0] - padding.top, 0, height - 1)
    x = np.clip(np.arange(out_width) * strides[1] - padding.left, 0, width - 1)
    of_image = ((y[:, np.newaxis] * width + x) * channels).reshape(-1)
    first = (np.arange(batch)[:, np.newaxis] * (height * width * channels) + of_image).reshape(-1)
    later = np.minimum.accumulate(first[::-1])[::-1]
    written = np.arange(1, len(first) + 1) * out_channels
    return Overlap(over, int((written - later).max()))
