"""The demo as text: digits drawn in the terminal, and how the network did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rich.console import RenderableType

from utvm.report.demo import DemoReport
from utvm.report.text.run import cycles_line, heading, layers_text
from utvm.report.text.sizes import sizes_text

_SHADES = {"blocks": " ░▒▓█", "ascii": " .:*#"}
_INK = 16
PICTURE_COLUMNS = 16
"""Of a picture of 8 pixels: two characters each, which together are about square."""
GAP = "   "
_SHOWN = 5


def demo_text(report: DemoReport, encoding: str) -> list[RenderableType]:
    """Pictures first; drawn with blocks where the output's `encoding` has them."""
    wrong = [index for index in range(len(report.labels)) if report.predictions[index] != report.labels[index]]
    parts: list[RenderableType] = [
        heading(report.run),
        "",
        draw(report, range(min(_SHOWN, len(report.labels))), encoding),
    ]
    if wrong:
        shown = wrong[:_SHOWN]
        parts += [f"\nread wrongly ({len(wrong)} of {len(report.labels)}):", draw(report, shown, encoding)]
    parts += [
        f"\naccuracy: {report.correct} of {len(report.labels)} held-out images read as their labels say "
        f"({report.accuracy:.1%})",
        f"answers:  {report.agreement}",
        cycles_line(report.run),
        layers_text(report.run),
        sizes_text(report.run.sizes),
        f"Next, a network of your own: utvm run YOUR.tflite --board {report.run.board.name} --check\n"
        f"Its C code and memory plan:  utvm compile YOUR.tflite --board {report.run.board.name} -o program\n"
        "Other boards:                utvm boards",
    ]
    return parts


def draw(report: DemoReport, images: Sequence[int], encoding: str) -> str:
    """Images of the report side by side, with prediction and label below."""
    verdicts = [f"read {report.predictions[index]}, is {report.labels[index]}" for index in images]
    return draw_images(report.pixels[list(images)], verdicts, encoding)


def draw_images(pixels: npt.NDArray[np.uint8], captions: Sequence[str], encoding: str) -> str:
    """Pictures (n, 8, 8), 0 paper to 16 ink, side by side above their captions; blocks if `encoding` has them."""
    shades = _SHADES["blocks" if _has_blocks(encoding) else "ascii"]
    columns = [
        [*_picture(image, shades), caption.ljust(PICTURE_COLUMNS)]
        for image, caption in zip(pixels, captions, strict=True)
    ]
    return "\n".join(GAP.join(row).rstrip() for row in zip(*columns, strict=True))


def _picture(pixels: npt.NDArray[np.uint8], shades: str) -> list[str]:
    levels = (pixels.astype(int) * (len(shades) - 1) + _INK // 2) // _INK
    return ["".join(shades[level] * 2 for level in row) for row in levels]


def _has_blocks(encoding: str) -> bool:
    try:
        _SHADES["blocks"].encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
