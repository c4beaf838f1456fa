"""The library's files in two folders: the header that applications include, and everything else."""

from __future__ import annotations

from utvm.export.library import Library


def split(library: Library, include: str, source: str) -> dict[str, str | bytes]:
    """File texts by path: the public header in `include`, the rest in `source`."""
    return {f"{include if name == library.header else source}/{name}": text for name, text in library.files.items()}


def package_name(library: Library) -> str:
    """The prefix as package managers like names: no underscores."""
    return library.options.prefix.replace("_", "-").lower()
