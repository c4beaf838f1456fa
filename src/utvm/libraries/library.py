"""A library that was loaded: its templates, and the code that their kernels call."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from utvm.libraries.manifest import Manifest
from utvm.libraries.sources import Sources
from utvm.operators.kernel import LibraryCode, LibraryFile
from utvm.schedules.template import Template

_HASH_CHARS = 8


@dataclass(frozen=True, eq=False)
class Library:
    """`path` is what the user named. `templates` are those of its Python file, as written there."""

    path: Path
    manifest: Manifest
    templates: tuple[Template, ...]
    sources: Sources
    licences: Sequence[Path]
    python: bytes
    """The text of the templates."""

    @property
    def name(self) -> str:
        """What the manifest calls it: begins its templates' names."""
        return self.manifest.name

    @cached_property
    def code_hash(self) -> str:
        """Changes with anything that decides what its kernels are: schedules that were measured name it."""
        digest = hashlib.sha256(self.manifest.model_dump_json().encode() + self.python)
        for path in self.sources.files:
            digest.update(path.name.encode() + b"\0" + self.sources.read(path).encode())
        return digest.hexdigest()[:_HASH_CHARS]

    @property
    def version(self) -> str:
        """The manifest's, and the hash of the code."""
        return f"{self.manifest.version} code {self.code_hash}".strip()

    def code(self, functions: Sequence[str]) -> LibraryCode:
        """What a kernel needs that calls those functions. Raises LibraryError naming one that there is not."""
        needed = self.sources.needed(functions, self.manifest.headers)
        macros = [flag[2:] for flag in self.manifest.flags if flag.startswith("-D")]
        return LibraryCode(
            name=self.name,
            identifier=self.sources.identifier,
            version=self.version,
            files=needed.files,
            headers=needed.headers,
            defines=tuple((name, value if given else "1") for name, given, value in (m.partition("=") for m in macros)),
            flags=tuple(flag for flag in self.manifest.flags if not flag.startswith("-D")),
            symbols=needed.symbols,
            licences=tuple(
                LibraryFile(f"{self.sources.identifier}_{path.stem}.txt", path.name, self.sources.read(path))
                for path in self.licences
            ),
        )
