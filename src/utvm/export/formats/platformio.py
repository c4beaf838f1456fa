"""A library for PlatformIO, with an example."""

from __future__ import annotations

import json

from utvm.export.layout import package_name, split
from utvm.export.request import ExportRequest
from utvm.export.sample import sample_files
from utvm.export.templating import render


def files(request: ExportRequest) -> dict[str, str | bytes]:
    """library.json, include, src, examples/run."""
    library = request.library
    manifest = {
        "name": package_name(library),
        "version": library.program.provenance["utvm"],
        "description": f"{library.program.model} as a C library, made by uTVM for {request.board.title}",
        "license": "Apache-2.0",
        "frameworks": "*",
        "platforms": "*",
        "headers": library.header,
        "build": {"includeDir": "include", "srcDir": "src", "flags": ["-O2", "-ffp-contract=off"]},
        "examples": [{"name": "run", "base": "examples/run", "files": ["main.c", "sample.c", "sample.h"]}],
    }
    more = {"package": package_name(library), "expected": request.sample.outputs is not None}
    made: dict[str, str | bytes] = {
        "library.json": json.dumps(manifest, indent=2) + "\n",
        "README.md": render("platformio/README.md", request, **more),
        "examples/run/main.c": render("platformio/main.c", request, **more),
    }
    made |= {f"examples/run/{name}": text for name, text in sample_files(request).items()}
    return made | split(library, "include", "src")
