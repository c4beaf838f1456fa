"""Where an address lies in the source: function, file and line, from a linked module's debugging information."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import DWARFError, ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection


@dataclass(frozen=True)
class Place:
    """A place in the source; `line` is 0 where only the function is known."""

    function: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})" if self.line else self.function


def find_place(path: Path, addr: int) -> Place | None:
    """The function and line at an address, or None if no function is there or the file tells nothing."""
    try:
        with path.open("rb") as stream:
            elf = ELFFile(stream)
            function = _function(elf, addr)
            if function is None:
                return None
            file, line = _line(elf, addr) if elf.has_dwarf_info() else ("", 0)
            return Place(function, file, line)
    except (OSError, ELFError, DWARFError, KeyError, ValueError):
        return None  # a fault is reported without its place rather than not at all


def _function(elf: ELFFile, addr: int) -> str | None:
    for table in elf.iter_sections("SHT_SYMTAB"):
        if not isinstance(table, SymbolTableSection):
            continue
        for symbol in table.iter_symbols():
            if symbol["st_info"]["type"] != "STT_FUNC" or not symbol["st_size"]:
                continue
            start = symbol["st_value"] & ~1 if elf["e_machine"] == "EM_ARM" else symbol["st_value"]
            if start <= addr < start + symbol["st_size"]:
                return str(symbol.name)
    return None


def _line(elf: ELFFile, addr: int) -> tuple[str, int]:
    dwarf = elf.get_dwarf_info()
    for unit in dwarf.iter_CUs():
        program = dwarf.line_program_for_CU(unit)
        if program is None:
            continue
        previous: Any = None
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if previous is not None and previous.address <= addr < state.address:
                return _file_name(program, previous.file), int(previous.line)
            previous = None if state.end_sequence else state
    return "", 0


def _file_name(program: Any, number: int) -> str:
    header = program.header
    index = number if header["version"] >= 5 else number - 1
    files = header["file_entry"]
    if not 0 <= index < len(files):
        return ""
    return Path(files[index].name.decode("utf-8", "replace")).name
