"""RAM and flash by kind and region."""

from __future__ import annotations

from rich.table import Table

from utvm.report.sizes import SizeReport
from utvm.report.text.tables import count, table


def sizes_text(sizes: SizeReport) -> Table:
    """One row per kind and region, and the sums."""
    made = table("memory", "kind", "region", "bytes", "of region", right=("bytes", "of region"))
    for memory, total in (("ram", sizes.ram_bytes), ("flash", sizes.flash_bytes)):
        title = memory if memory == "flash" else memory.upper()
        for part in sizes.parts:
            if part.memory != memory:
                continue
            kind = part.kind
            if kind.startswith("stack") and sizes.stack_used_bytes is not None:
                kind += f" ({sizes.stack_used_bytes:,} used)"
            capacity = sizes.capacity_bytes[part.region]
            share = "-" if part.size_bytes is None else f"{part.size_bytes / capacity:.1%}"
            made.add_row(title, kind, part.region, count(part.size_bytes), share)
            title = ""
        made.add_row("", "total" if total is not None else "total: needs a C compiler", "", count(total), "")
        made.add_section()
    return made
