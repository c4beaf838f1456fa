"""The library alone, in one folder."""

from __future__ import annotations

from utvm.export.request import ExportRequest
from utvm.export.templating import render


def files(request: ExportRequest) -> dict[str, str | bytes]:
    """Sources, headers, README.md."""
    return {**request.library.files, "README.md": render("c/README.md", request)}
