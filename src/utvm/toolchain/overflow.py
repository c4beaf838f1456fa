"""Say in the user's terms that an image does not fit its board."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from utvm.boards import Board
from utvm.errors import OutOfMemoryError

_GNU_LD = re.compile(r"region [`'](\w+)' overflowed by (\d+) bytes?")
_LLD = re.compile(r"will not fit in region '(\w+)': overflowed by (\d+) bytes?")
_LISTED_OBJECTS = 5


def overflow_error(board: Board, objects: Sequence[Path], linker_output: str) -> OutOfMemoryError | None:
    """The error for a link that failed because regions overflowed, or None if it failed otherwise."""
    shortages: dict[str, int] = {}
    for pattern in (_GNU_LD, _LLD):
        for name, size in pattern.findall(linker_output):
            shortages[name] = max(shortages.get(name, 0), int(size))
    if not shortages:
        return None
    lines = []
    for name, shortage_bytes in shortages.items():
        lines.append(
            f"region {name} of {board.region(name).size_bytes:,} bytes is too small by {shortage_bytes:,} bytes; "
            f"largest there: {_largest(board, objects, name)}"
        )
    return OutOfMemoryError(f"the image does not fit {board.name}: " + "; ".join(lines))


def _largest(board: Board, objects: Sequence[Path], region: str) -> str:
    found: list[tuple[int, str]] = []
    if region == board.placement.stack:
        found.append((board.placement.stack_bytes, "stack"))
    for path in objects:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            for table in elf.iter_sections("SHT_SYMTAB"):
                if not isinstance(table, SymbolTableSection):
                    continue
                for symbol in table.iter_symbols():
                    index = symbol["st_shndx"]
                    if symbol["st_size"] == 0 or not isinstance(index, int):
                        continue
                    if region in _regions_of(board, elf.get_section(index).name):
                        found.append((symbol["st_size"], symbol.name))
    found.sort(key=lambda item: (-item[0], item[1]))
    return ", ".join(f"{name} {size:,}" for size, name in found[:_LISTED_OBJECTS]) or "nothing named"


def _regions_of(board: Board, input_section: str) -> tuple[str, ...]:
    """Regions in which an input section takes room; initialised data also takes it in flash."""
    placement = board.placement
    for placed in (".utvm_arena.", ".utvm_state."):
        if input_section.startswith(placed):
            return (input_section.removeprefix(placed),)
    if input_section.startswith((".text", ".vectors", ".utvm_boot")):
        return (placement.code,)
    if input_section.startswith(".rodata"):
        return (placement.constants,)
    if input_section.startswith(".data"):
        return (placement.data, placement.code)
    if input_section.startswith(".bss"):
        return (placement.data,)
    return ()
