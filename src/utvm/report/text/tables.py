"""The look of all tables and numbers."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table


def table(*columns: str, right: Sequence[str] = (), title: str | None = None) -> Table:
    """An empty table; the columns in `right` hold numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for column in columns:
        numeric = column in right
        made.add_column(column, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    return made


def count(value: int | None) -> str:
    """An integer with thousands separated; a dash for what is not known."""
    return "-" if value is None else f"{value:,}"


def kibibytes(size_bytes: int) -> str:
    """A size of memory chips."""
    if size_bytes >= 10 << 20:
        return f"{size_bytes / (1 << 20):,.4g} MiB"
    return f"{size_bytes / 1024:,.4g} KiB"


def megahertz(clock_hz: int) -> str:
    """A clock."""
    return f"{clock_hz / 1e6:g} MHz"


def duration(time_us: float) -> str:
    """A time in the unit that suits it."""
    if time_us < 1000:
        return f"{time_us:.1f} µs"
    return f"{time_us / 1000:.2f} ms" if time_us < 1e6 else f"{time_us / 1e6:.2f} s"


def shape(dtype: str, extents: Sequence[int]) -> str:
    """A tensor type."""
    return f"{dtype}[{'x'.join(str(extent) for extent in extents)}]"
