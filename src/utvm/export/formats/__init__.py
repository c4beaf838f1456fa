"""One file per format: from a request to files by path."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from utvm.export.request import ExportRequest

FORMATS = ("c", "cmake", "zephyr", "arduino", "platformio", "esp-idf", "cmsis-pack", "archive")
"""In the order of the help; `esp-idf` is formats/esp_idf.py."""

Files = dict[str, str | bytes]


def format_files(name: str, request: ExportRequest) -> Files:
    """The files of the format, by path. `name` is one of FORMATS."""
    module = importlib.import_module(f"utvm.export.formats.{name.replace('-', '_')}")
    make: Callable[[ExportRequest], Files] = module.files
    return make(request)
