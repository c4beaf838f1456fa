"""A module for Zephyr, with an application that runs it."""

from __future__ import annotations

from utvm.export.layout import package_name, split
from utvm.export.request import ExportRequest
from utvm.export.sample import sample_files
from utvm.export.templating import render

_MODULE = ("zephyr/module.yml", "zephyr/CMakeLists.txt", "zephyr/Kconfig", "README.md")
_APPLICATION = ("CMakeLists.txt", "prj.conf", "sample.yaml", "src/main.c")


def files(request: ExportRequest) -> dict[str, str | bytes]:
    """The module, and its application in samples/run."""
    more = {"package": package_name(request.library), "expected": request.sample.outputs is not None}
    made: dict[str, str | bytes] = {name: render(f"zephyr/{name}", request, **more) for name in _MODULE}
    made |= {f"samples/run/{name}": render(f"zephyr/samples/run/{name}", request, **more) for name in _APPLICATION}
    made |= {f"samples/run/src/{name}": text for name, text in sample_files(request).items()}
    return made | split(request.library, "include", "src")
