"""Standalone use: a program as a C library, and as projects for the build systems of the field."""

from utvm.export.formats import FORMATS, format_files
from utvm.export.library import Library, make_library
from utvm.export.options import ARENAS, LibraryOptions, library_options
from utvm.export.request import ExportRequest, Sample
from utvm.export.write import write_export

__all__ = [
    "ARENAS",
    "FORMATS",
    "ExportRequest",
    "Library",
    "LibraryOptions",
    "Sample",
    "format_files",
    "library_options",
    "make_library",
    "write_export",
]
