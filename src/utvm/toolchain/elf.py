"""Read a linked image: what to load where, and where its symbols are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from utvm.errors import ToolchainError


@dataclass(frozen=True)
class Segment:
    """Bytes to be loaded at an address: the load address, in flash for the initial contents of RAM."""

    addr: int
    data: bytes


@dataclass(frozen=True)
class Symbol:
    """Address and size in bytes of a function or object. The Thumb bit of functions is cleared."""

    name: str
    addr: int
    size_bytes: int


@dataclass(frozen=True)
class Section:
    """An allocated output section; `in_file` says whether it has contents to load."""

    name: str
    addr: int
    size_bytes: int
    in_file: bool


@dataclass(frozen=True)
class Elf:
    """A linked image. `entry_addr` has the Thumb bit cleared."""

    path: Path
    entry_addr: int
    segments: tuple[Segment, ...]
    symbols: dict[str, Symbol]
    sections: dict[str, Section]

    def symbol(self, name: str) -> Symbol:
        """The symbol of that name; ToolchainError if there is none."""
        try:
            return self.symbols[name]
        except KeyError:
            raise ToolchainError(
                f"{self.path.name} has no symbol {name!r}; was it removed because nothing uses it?"
            ) from None

    def section(self, name: str) -> Section:
        """The output section of that name; an empty one at address 0 if there is none."""
        return self.sections.get(name, Section(name, 0, 0, False))


def read_elf(path: Path, bits: int = 32) -> Elf:
    """The image in that file. Raises ToolchainError if it cannot be read or is no ELF executable of so many bits."""
    try:
        with path.open("rb") as stream:
            return _read(path, ELFFile(stream), bits)
    except OSError as error:
        raise ToolchainError(f"{path}: cannot be read: {error}") from error
    except (ELFError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise ToolchainError(f"{path}: not an ELF file, or a damaged one: {error}") from error


def _read(path: Path, elf: ELFFile, bits: int) -> Elf:
    if elf.elfclass != bits or elf["e_type"] != "ET_EXEC":
        raise ToolchainError(f"{path}: not a {bits}-bit ELF executable ({elf.elfclass} bits, {elf['e_type']})")
    is_arm = elf["e_machine"] == "EM_ARM"
    segments = tuple(
        Segment(segment["p_paddr"], segment.data())
        for segment in elf.iter_segments("PT_LOAD")
        if segment["p_filesz"] > 0
    )
    sections = {
        section.name: Section(section.name, section["sh_addr"], section["sh_size"], section["sh_type"] != "SHT_NOBITS")
        for section in elf.iter_sections()
        if section["sh_flags"] & SH_FLAGS.SHF_ALLOC
    }
    symbols = {}
    for table in elf.iter_sections("SHT_SYMTAB"):
        if isinstance(table, SymbolTableSection):
            for symbol in table.iter_symbols():
                if symbol.name and symbol["st_shndx"] != "SHN_UNDEF" and not symbol.name.startswith("$"):
                    addr = symbol["st_value"]
                    if is_arm and symbol["st_info"]["type"] == "STT_FUNC":
                        addr &= ~1
                    # A local symbol never hides the global one of the same name.
                    if symbol.name not in symbols or symbol["st_info"]["bind"] != "STB_LOCAL":
                        symbols[symbol.name] = Symbol(symbol.name, addr, symbol["st_size"])
    entry_addr = elf["e_entry"] & ~1 if is_arm else elf["e_entry"]
    return Elf(path, entry_addr, segments, symbols, sections)
