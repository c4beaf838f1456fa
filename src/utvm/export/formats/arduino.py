"""A library for the Arduino IDE and arduino-cli, with an example sketch."""

from __future__ import annotations

from utvm.export.layout import split
from utvm.export.request import ExportRequest
from utvm.export.sample import sample_files
from utvm.export.templating import render


def files(request: ExportRequest) -> dict[str, str | bytes]:
    """All sources in src, as the IDE wants them; the sketch in examples/Run."""
    more = {"expected": request.sample.outputs is not None}
    made: dict[str, str | bytes] = {
        name: render(f"arduino/{name}", request, **more) for name in ("library.properties", "keywords.txt", "README.md")
    }
    made["examples/Run/Run.ino"] = render("arduino/Run.ino", request, **more)
    made |= {f"examples/Run/{name}": text for name, text in sample_files(request).items()}
    return made | split(request.library, "src", "src")
