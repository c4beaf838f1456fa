"""A library's C and assembly: which of its files a function needs, and those files under names for one folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from utvm.errors import LibraryError
from utvm.libraries.c_names import Names, names_of
from utvm.operators.kernel import LibraryFile

_SOURCES = (".c", ".S")
_HEADERS = (".h", ".inc", ".def")
_INCLUDE = re.compile(r'^([ \t]*#[ \t]*include[ \t]*)(?:"([^"\n]+)"|<([^>\n]+)>)', re.MULTILINE)
_PLAIN = re.compile(r"[\w.+\- /]+")


@dataclass(frozen=True)
class Needed:
    """Files that include each other by their names, the headers asked for by theirs, and what the sources define."""

    files: tuple[LibraryFile, ...]
    headers: tuple[str, ...]
    symbols: tuple[str, ...]


@dataclass(eq=False)
class Sources:
    """The files of a library. `identifier` begins the names that they are given."""

    name: str
    identifier: str
    root: Path
    sources: Sequence[Path]
    include_dirs: Sequence[Path]
    _texts: dict[Path, str] = field(default_factory=dict)
    _names: dict[Path, Names] = field(default_factory=dict)

    def needed(self, functions: Iterable[str], headers: Iterable[str]) -> Needed:
        """What those functions need to be compiled and linked, as far as the library has it.

        Raises LibraryError for a function that no source defines, and for a header that there is not.
        """
        included = [self._header(header) for header in headers]
        chosen: dict[Path, None] = {}
        read: dict[Path, None] = {}
        self._read_headers(included, read)
        pending = list(functions)
        for function in pending:
            if function not in self._definitions and not any(function in self._of(path).uses for path in read):
                raise LibraryError(self._undefined(function))
        seen: set[str] = set()
        while pending:
            used = pending.pop()
            if used in seen:
                continue
            seen.add(used)
            for path in self._definitions.get(used, ()):
                if path not in chosen:
                    chosen[path] = None
                    pending += self._of(path).everything
                    self._read_headers([path], read)
            for path in list(read):
                pending += self._of(path).uses.get(used, ())
        files = [*chosen, *(path for path in read if path not in chosen)]
        symbols = {symbol for path in chosen for symbol in self._of(path).exported}
        return Needed(
            tuple(sorted((self._file(path) for path in files), key=lambda file: file.name)),
            tuple(self.file_name(path) for path in included),
            tuple(sorted(symbols)),
        )

    def file_name(self, path: Path) -> str:
        """The identifier and the file's own name, or all of its path where the library has several of the name."""
        own = path.name if self._counts[path.name] <= 1 else "_".join(self._relative(path).parts)
        return f"{self.identifier}_{own}"

    def read(self, path: Path) -> str:
        """A file's text. Raises LibraryError."""
        if path not in self._texts:
            try:
                data = path.read_bytes()
            except OSError as error:
                raise LibraryError(f"library {self.name}: {path} cannot be read: {error.strerror}") from error
            try:
                self._texts[path] = data.decode()
            except UnicodeDecodeError:
                self._texts[path] = data.decode("latin-1")  # in comments, if anywhere
        return self._texts[path]

    @cached_property
    def files(self) -> list[Path]:
        """All sources, all headers in the folders for them, and whatever they include."""
        found: dict[Path, None] = {}
        self._read_headers([*self.sources, *self.headers], found)
        return sorted(found)

    @cached_property
    def headers(self) -> list[Path]:
        """Every header in the folders for them."""
        return sorted({path for folder in self.include_dirs for path in folder.rglob("*") if path.suffix in _HEADERS})

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(path.name for path in {*self.sources, *self.headers})

    @cached_property
    def _definitions(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in self.sources:
            for symbol in self._of(path).exported:
                found.setdefault(symbol, []).append(path)
        return found

    def _of(self, path: Path) -> Names:
        if path not in self._names:
            self._names[path] = names_of(self.read(path), path.suffix == ".S")
        return self._names[path]

    def _read_headers(self, paths: Iterable[Path], read: dict[Path, None]) -> None:
        """Add what those files include, directly or not."""
        pending = list(paths)
        while pending:
            path = pending.pop()
            if path in read:
                continue
            read[path] = None
            pending += [found for name in self._of(path).included if (found := self._included(name, path)) is not None]

    def _included(self, name: str, by: Path) -> Path | None:
        """The library's file that an include means; None for one of the compiler's."""
        for folder in (by.parent, *self.include_dirs):
            path = (folder / name).resolve()
            if path.is_file():
                return path
        return None

    def _header(self, name: str) -> Path:
        for folder in self.include_dirs:
            path = (folder / name).resolve()
            if path.is_file():
                return path
        places = ", ".join(str(folder) for folder in self.include_dirs) or "no include_dirs"
        raise LibraryError(f"library {self.name}: headers: there is no {name} in {places}")

    def _file(self, path: Path) -> LibraryFile:
        """The file with its includes of others renamed."""

        def renamed(match: re.Match[str]) -> str:
            name = match.group(2) or match.group(3)
            found = self._included(name, path)
            if found is not None:
                return f'{match.group(1)}"{self.file_name(found)}"'
            return f'{match.group(1)}"utvm_string.h"' if name == "string.h" else match.group()

        return LibraryFile(
            self.file_name(path), self._relative(path).as_posix(), _INCLUDE.sub(renamed, self.read(path))
        )

    def _relative(self, path: Path) -> Path:
        relative = path.relative_to(self.root) if path.is_relative_to(self.root) else Path(path.name)
        if not _PLAIN.fullmatch(relative.as_posix()):
            raise LibraryError(f"library {self.name}: the name of {path} has characters that C files cannot name")
        return relative

    def _undefined(self, function: str) -> str:
        defined = sorted(self._definitions)
        near = get_close_matches(function, defined, 3) or defined[:3]
        said = f"; there are {', '.join(near)} among others" if near else ""
        return (
            f"library {self.name}: a kernel calls {function}, which none of its {len(self.sources)} sources defines"
            f"{said}. Is its file in the manifest's sources?"
        )
