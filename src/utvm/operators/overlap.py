"""How far a kernel's output may lie in memory of the input that it reads: what is read for the last time is free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import Padding
from utvm.model.tensor import Tensor


@dataclass(frozen=True)
class Overlap:
    """Where a kernel's first output may begin in memory that holds its first input, which nothing reads later.

    `lead_bytes`: the output begins so many bytes before the input, or earlier; a negative lead lets it begin later.
    `exactly`: it begins where the input does, and nowhere else.
    """

    lead_bytes: int
    exactly: bool = False

    def together_bytes(self, input_bytes: int, output_bytes: int) -> int:
        """The least that both take."""
        if self.exactly:
            return max(input_bytes, output_bytes)
        return min(max(max(self.lead_bytes, 0) + input_bytes, output_bytes), input_bytes + output_bytes)


IN_PLACE = Overlap(0, exactly=True)


def streamed(written: Sequence[int], begun: Sequence[int]) -> Overlap:
    """The overlap of a kernel that works in steps.

    Step i reads its input from byte `begun[i]` on, all of it before it writes; it leaves output written up to byte
    `written[i]`, exclusively.
    """
    ends = np.maximum.accumulate(np.asarray(written, dtype=np.int64))
    still_read = np.minimum.accumulate(np.asarray(begun, dtype=np.int64)[::-1])[::-1]
    if len(ends) == 1:
        # All is read before anything is written.
        return Overlap(-int(ends[0]) - (1 << 30))
    return Overlap(int((ends[:-1] - still_read[1:]).max()))


def windowed(image: Tensor, output: Tensor, strides: tuple[int, int], padding: Padding) -> Overlap:
    """The overlap of loops over output pixels of NHWC bytes, each reading its window until its last channel is done."""
    begun = window_begins(image, output, strides, padding)
    written = np.arange(1, len(begun) + 1) * output.shape[3]
    # A window is read again for each of its pixel's channels, the last of which is written behind the last read.
    still_read = np.minimum.accumulate(begun[::-1])[::-1]
    return Overlap(int((written - still_read).max()))


def window_begins(image: Tensor, output: Tensor, strides: tuple[int, int], padding: Padding) -> Int64Array:
    """For each output pixel, the byte of the NHWC image before which its window reads nothing."""
    batch, height, width, channels = image.shape
    _, out_height, out_width, _ = output.shape
    row, x = np.divmod(np.arange(batch * out_height * out_width, dtype=np.int64), out_width)
    n, y = np.divmod(row, out_height)
    top = np.clip(y * strides[0] - padding.top, 0, height)
    left = np.clip(x * strides[1] - padding.left, 0, width)
    return np.asarray(((n * height + top) * width + left) * channels, dtype=np.int64)
