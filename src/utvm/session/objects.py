"""What a compiled object holds: sizes of its sections by kind, what it defines and what it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import Section, SymbolTableSection

from utvm.errors import ToolchainError

KINDS = ("text", "rodata", "data", "bss")
"""Sections of a module, in the order in which they follow each other."""

_UNWIND_SECTIONS = (".ARM.exidx", ".ARM.extab", ".eh_frame")


@dataclass(frozen=True)
class ObjectFile:
    """One relocatable object. `functions` are the global ones; `defined` also has the global variables."""

    path: Path
    size_bytes: dict[str, int]
    defined: frozenset[str]
    functions: tuple[str, ...]
    undefined: frozenset[str]


def read_object(path: Path) -> ObjectFile:
    """Read one object file, of 32 or 64 bits. Raises ToolchainError if it is not one."""
    try:
        with path.open("rb") as stream:
            return _read(path, ELFFile(stream))
    except OSError as error:
        raise ToolchainError(f"{path}: cannot be read: {error}") from error
    except (ELFError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise ToolchainError(f"{path}: not an ELF object, or a damaged one: {error}") from error


def total_bytes(objects: Sequence[ObjectFile]) -> dict[str, int]:
    """Sizes by kind of several objects together."""
    return {kind: sum(item.size_bytes[kind] for item in objects) for kind in KINDS}


def _read(path: Path, elf: ELFFile) -> ObjectFile:
    sizes = dict.fromkeys(KINDS, 0)
    for section in elf.iter_sections():
        kind = _kind(section)
        if kind is not None:
            alignment = max(section["sh_addralign"], 1)
            sizes[kind] = (sizes[kind] + alignment - 1) // alignment * alignment + section["sh_size"]
    defined: set[str] = set()
    functions: list[str] = []
    undefined: set[str] = set()
    for table in elf.iter_sections("SHT_SYMTAB"):
        if not isinstance(table, SymbolTableSection):
            continue
        for symbol in table.iter_symbols():
            if not symbol.name or symbol["st_info"]["bind"] == "STB_LOCAL":
                continue
            if symbol["st_shndx"] == "SHN_UNDEF":
                undefined.add(symbol.name)
                continue
            defined.add(symbol.name)
            if symbol["st_info"]["type"] == "STT_FUNC":
                functions.append(symbol.name)
    return ObjectFile(path, sizes, frozenset(defined), tuple(functions), frozenset(undefined))


def _kind(section: Section) -> str | None:
    flags = section["sh_flags"]
    if not flags & SH_FLAGS.SHF_ALLOC or section.name.startswith(_UNWIND_SECTIONS):
        return None
    if flags & SH_FLAGS.SHF_EXECINSTR:
        return "text"
    if not flags & SH_FLAGS.SHF_WRITE:
        return "rodata"
    return "bss" if section["sh_type"] == "SHT_NOBITS" else "data"
