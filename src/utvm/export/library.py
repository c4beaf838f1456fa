"""A program as a C library: one header, C and assembly sources."""

from __future__ import annotations

from dataclasses import dataclass

from utvm.codegen.kernel_files import kernel_files
from utvm.codegen.program import Program
from utvm.export.header import header_text
from utvm.export.interface import Interface, interface
from utvm.export.model_c import model_c_text
from utvm.export.options import CONSTANTS, LibraryOptions
from utvm.export.prefix import prefixed


@dataclass(frozen=True)
class Library:
    """A library's files by name, and what they were made from. `program` has the library's symbols."""

    program: Program
    options: LibraryOptions
    interface: Interface
    files: dict[str, str]

    @property
    def header(self) -> str:
        """Name of the header that applications include."""
        return f"{self.options.prefix}.h"

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the files to compile, in order."""
        return tuple(sorted(name for name in self.files if name.endswith((".c", ".S"))))


def make_library(program: Program, options: LibraryOptions) -> Library:
    """Write the library's sources. They compile as C99, need no other file, heap, stdio or libm."""
    renamed = prefixed(program, options.prefix)
    ports = interface(renamed, options)
    files = kernel_files(renamed, f"{options.prefix}_", options.sections.get(CONSTANTS, ""))
    files[f"{options.prefix}.h"] = header_text(renamed, options, ports)
    files[f"{options.prefix}.c"] = model_c_text(renamed, options)
    return Library(renamed, options, ports, dict(sorted(files.items())))
