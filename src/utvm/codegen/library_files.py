"""The files of a library of the user's among those of a program: all in one folder, under names of their own."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from importlib import resources

from utvm.codegen.program import Program
from utvm.operators.kernel import LibraryCode, LibraryFile

SOURCE_SUFFIXES = (".c", ".S")
STRING_HEADER = "utvm_string.h"
"""Stands for <string.h> in the files of libraries: bare-metal compilers may come without it."""

_INCLUDE = re.compile(r'^([ \t]*#[ \t]*include[ \t]*)"([^"\n]+)"', re.MULTILINE)


def merged(one: LibraryCode, other: LibraryCode) -> LibraryCode:
    """What two kernels need of the same library."""
    files = {file.name: file for file in (*one.files, *other.files)}
    symbols = dict.fromkeys((*one.symbols, *other.symbols))
    return replace(one, files=tuple(files[name] for name in sorted(files)), symbols=tuple(sorted(symbols)))


def library_files(program: Program, stem: str = "") -> dict[str, str]:
    """File name to text: every library's files, and what goes before them. `stem` begins names and global symbols."""
    files: dict[str, str] = {}
    counts = Counter(symbol for code in program.libraries for symbol in code.symbols)
    shared = frozenset(symbol for symbol, count in counts.items() if count > 1)
    for code in program.libraries:
        files[config_name(code, stem)] = _config(code, stem, shared)
        for file in code.files:
            files[stem + file.name] = library_text(code, file, stem)
        for file in code.licences:
            files[stem + file.name] = file.text
    if program.libraries:
        header = resources.files("utvm") / "runtime" / "include" / STRING_HEADER
        files[STRING_HEADER] = header.read_text(encoding="utf-8")
    return files


def library_text(code: LibraryCode, file: LibraryFile, stem: str = "") -> str:
    """A file with its head: where it is from, and what was changed in it."""
    return library_head(code, file, stem) + _renamed_includes(code, file.text, stem)


def library_head(code: LibraryCode, file: LibraryFile, stem: str = "") -> str:
    """The lines before a file's own."""
    lines = [f"/* {file.origin} of {code.name} {code.version}; uTVM renamed its includes, nothing else. */"]
    if file.name.endswith(SOURCE_SUFFIXES):
        lines.append(f'#include "{config_name(code, stem)}"')
    return "\n".join([*lines, f'#line 1 "{file.origin}"']) + "\n"


def _renamed_includes(code: LibraryCode, text: str, stem: str) -> str:
    """The text with `stem` before the library's files that it includes."""
    names = frozenset(file.name for file in code.files)

    def named(match: re.Match[str]) -> str:
        name = match.group(2)
        return f'{match.group(1)}"{stem if name in names else ""}{name}"'

    return _INCLUDE.sub(named, text) if stem else text


def library_sources(program: Program, stem: str = "") -> dict[str, tuple[str, ...]]:
    """The files to compile of all libraries, and the flags of each besides the usual ones."""
    found: dict[str, tuple[str, ...]] = {}
    for code in program.libraries:
        names = [file.name for file in code.files if file.name.endswith(SOURCE_SUFFIXES)]
        found |= {stem + name: code.flags for name in (*names, kernels_name(code))}
    return found


def config_name(code: LibraryCode, stem: str = "") -> str:
    """The header that all sources of a library include first."""
    return f"{stem}{code.identifier}_utvm_config.h"


def kernels_name(code: LibraryCode, stem: str = "") -> str:
    """The file with the kernels that call the library."""
    return f"{stem}{code.identifier}_utvm_kernels.c"


def _config(code: LibraryCode, stem: str, shared: frozenset[str]) -> str:
    """Macros, and other names for symbols: with `stem` before them, and where another library has them with its own."""
    guard = f"UTVM_{config_name(code, stem).replace('.', '_').upper()}"
    lines = [f"/* How uTVM compiles {code.name} {code.version}. */", f"#ifndef {guard}", f"#define {guard}"]
    lines += [f"#define {name} {value}".rstrip() for name, value in code.defines]
    for symbol in code.symbols:
        own = f"{stem}{code.identifier}_{symbol}" if symbol in shared else f"{stem}{symbol}"
        if own != symbol:
            lines.append(f"#define {symbol} {own}")
    return "\n".join([*lines, "#endif"]) + "\n"
