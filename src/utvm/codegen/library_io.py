"""The libraries of a saved program: what metadata.json says of them; their texts are files of the program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from utvm.codegen.library_files import library_head
from utvm.operators.kernel import LibraryCode, LibraryFile


class _FileRecord(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    origin: str


class LibraryRecord(BaseModel):
    """A LibraryCode without texts."""

    model_config = ConfigDict(extra="forbid")
    name: str
    identifier: str
    version: str
    files: tuple[_FileRecord, ...]
    headers: tuple[str, ...]
    defines: tuple[tuple[str, str], ...]
    flags: tuple[str, ...]
    symbols: tuple[str, ...]
    licences: tuple[_FileRecord, ...]


def library_record(code: LibraryCode) -> dict[str, Any]:
    """What `loaded_library` reads back."""
    record = asdict(code)
    for file in (*record["files"], *record["licences"]):
        del file["text"]
    return LibraryRecord.model_validate(record).model_dump()


def loaded_library(record: LibraryRecord, texts: Mapping[str, str]) -> LibraryCode:
    """The library, its files as they were before their heads were written. KeyError naming one that is not there."""

    def files(records: tuple[_FileRecord, ...]) -> tuple[LibraryFile, ...]:
        return tuple(LibraryFile(file.name, file.origin, texts[file.name]) for file in records)

    fields = record.model_dump() | {"files": files(record.files), "licences": files(record.licences)}
    code = LibraryCode(**fields)
    bare = (replace(file, text=file.text.removeprefix(library_head(code, file))) for file in code.files)
    return replace(code, files=tuple(bare))
