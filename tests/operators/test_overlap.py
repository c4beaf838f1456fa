"""How far outputs may lie over inputs: the leads against a walk through every read and write."""

from __future__ import annotations

import numpy as np
import pytest

from utvm.model.operator_types import Padding
from utvm.model.tensor import Tensor
from utvm.operators.overlap import IN_PLACE, Overlap, streamed, windowed
from utvm.operators.window import output_size


def smallest_lead(
    image: tuple[int, int, int, int], window: tuple[int, int], strides: tuple[int, int], padding: Padding, outputs: int
) -> int:
    """The least distance by which no write of a pixel-by-pixel convolution meets a byte that is read later."""
    batch, height, width, channels = image
    rows, columns = output_size(height, width, padding, window, strides)
    last_read = np.full(batch * height * width * channels, -1)
    written_at = []
    step = 0
    for n in range(batch):
        for y in range(rows):
            for x in range(columns):
                for _ in range(outputs):
                    for ky in range(window[0]):
                        for kx in range(window[1]):
                            iy, ix = y * strides[0] + ky - padding.top, x * strides[1] + kx - padding.left
                            if 0 <= iy < height and 0 <= ix < width:
                                begin = ((n * height + iy) * width + ix) * channels
                                last_read[begin : begin + channels] = step
                    written_at.append(step)
                    step += 1
    least = -(1 << 40)
    for byte, step in enumerate(written_at):
        (later,) = np.nonzero(last_read > step)
        if len(later):
            least = max(least, byte + 1 - int(later[0]))
    return least


@pytest.mark.parametrize("seed", range(40))
def test_leads_of_windows_are_enough_and_no_pixel_more(seed: int) -> None:
    rng = np.random.default_rng([seed, 91])
    window = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    padding = Padding(*(int(rng.integers(0, window[side // 2])) for side in range(4)))
    image = int(rng.integers(1, 3)), int(rng.integers(3, 6)), int(rng.integers(3, 6)), int(rng.integers(1, 4))
    strides, outputs = (int(rng.integers(1, 3)), int(rng.integers(1, 3))), int(rng.integers(1, 5))
    rows, columns = output_size(image[1], image[2], padding, window, strides)
    output = Tensor("y", (image[0], rows, columns, outputs), "int8")
    lead = windowed(Tensor("x", image, "int8"), output, strides, padding).lead_bytes
    needed = smallest_lead(image, window, strides, padding, outputs)
    # The last pixel's window counts as read to its end, and rows that windows skip as read.
    assert lead >= needed
    if needed > -image[1] * image[2] * image[3]:
        assert lead <= max(needed, outputs) + outputs + strides[0] * image[2] * image[3]


def test_steps_that_read_before_they_write() -> None:
    assert streamed([10, 20, 30], [0, 10, 20]).lead_bytes == 0
    assert streamed([10, 20, 30], [0, 7, 14]).lead_bytes == 6
    # What a later step reads again counts for all before it.
    assert streamed([10, 20, 30], [0, 8, 2]).lead_bytes == 18
    assert streamed([100], [0]).together_bytes(64, 100) == 100


def test_what_both_take_together() -> None:
    assert IN_PLACE.together_bytes(64, 64) == 64
    assert Overlap(8).together_bytes(64, 32) == 72
    assert Overlap(8).together_bytes(64, 200) == 200
    assert Overlap(500).together_bytes(64, 32) == 96
    assert Overlap(-24).together_bytes(64, 64) == 64
