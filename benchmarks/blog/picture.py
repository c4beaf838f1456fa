"""The bars as SVG: colours that read on white and on black."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.blog.rows import Row

_BAR, _GAP, _GROUP, _LEFT, _WIDTH, _TEXT = 16, 3, 14, 190, 460, 13
_OURS, _POST, _INK = "#1b7fbd", "#b0b7bf", "#7a828a"


def svg(rows: Sequence[Row]) -> str:
    """Horizontal bars of milliseconds, the post's in grey beneath ours; on this computer, by its own scale."""
    board = [row for row in rows if row.where == "F746"]
    host = [row for row in rows if row.where == "host"]
    parts: list[str] = []
    y = 26
    for title, group in (("STM32F746 at 216 MHz (modelled)", board), ("this computer's arena", host)):
        if not group:
            continue
        scale = _WIDTH / max(max(row.ms, row.post_ms or 0.0) for row in group)
        parts.append(_text(10, y, title, "start", bold=True))
        y += 12
        for row in group:
            bars = [(row.ms, _OURS)] + ([(row.post_ms, _POST)] if row.post_ms is not None else [])
            middle = y + len(bars) * (_BAR + _GAP) / 2 + 3
            parts.append(_text(_LEFT - 8, middle, row.what, "end"))
            for ms, colour in bars:
                parts.append(
                    f'<rect x="{_LEFT}" y="{y}" width="{max(ms * scale, 1):.1f}" height="{_BAR}" fill="{colour}"/>'
                )
                parts.append(_text(_LEFT + ms * scale + 6, y + _BAR - 3, f"{ms:.1f} ms", "start"))
                y += _BAR + _GAP
            y += _GROUP
        y += 16
    parts.append(f'<rect x="{_LEFT}" y="{y - 20}" width="12" height="12" fill="{_OURS}"/>')
    parts.append(_text(_LEFT + 18, y - 10, "µTVM today", "start"))
    parts.append(f'<rect x="{_LEFT + 120}" y="{y - 20}" width="12" height="12" fill="{_POST}"/>')
    parts.append(_text(_LEFT + 138, y - 10, "the post, 2020 (measured)", "start"))
    width = _LEFT + _WIDTH + 90
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" '
    return "\n".join([head + f'font-family="sans-serif" font-size="{_TEXT}">', *parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{_INK}" text-anchor="{anchor}"{weight}>{text}</text>'
