"""Numbers as people read them, and pictures in any encoding."""

from __future__ import annotations

import numpy as np
import pytest

from utvm.report.text import demo, tables
from utvm.report.text.demo import draw_images


@pytest.mark.parametrize(
    ("time_us", "text"), [(0.5, "0.5 µs"), (999.94, "999.9 µs"), (5700.0, "5.70 ms"), (2_500_000.0, "2.50 s")]
)
def test_durations(time_us: float, text: str) -> None:
    assert tables.duration(time_us) == text


def test_counts() -> None:
    assert tables.count(1234567) == "1,234,567"
    assert tables.count(None) == "-"
    assert tables.shape("int8", (1, 8, 8, 1)) == "int8[1x8x8x1]"
    assert tables.shape("int8", ()) == "int8[]"


@pytest.mark.parametrize(("encoding", "ink"), [("utf-8", "█"), ("ascii", "#"), ("latin-1", "#"), ("nonsense", "#")])
def test_pictures(encoding: str, ink: str) -> None:
    images = np.zeros((2, 8, 8), np.uint8)
    images[0, 0, 0], images[1, 7, 7] = 16, 16
    lines = draw_images(images, ["read 1, is 1", "read 2, is 3"], encoding).splitlines()
    assert len(lines) == 9
    assert lines[0] == ink * 2
    assert lines[7] == " " * (demo.PICTURE_COLUMNS + len(demo.GAP) + 14) + ink * 2
    assert lines[8].split("   ")[0].strip() == "read 1, is 1"
    assert lines[8].endswith("read 2, is 3")
