"""The page of a compiled program: memory over time, layers, sizes, graph. Everything is in the one file."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from utvm.errors import UsageError
from utvm.report.compile import CompileReport
from utvm.report.html.graph import BOX_HEIGHT, BOX_WIDTH, program_graph
from utvm.report.html.memory_map import LEFT_MARGIN, PICTURE_HEIGHT, region_maps
from utvm.report.html.rows import layer_rows, size_bars
from utvm.report.text.tables import duration, megahertz

if TYPE_CHECKING:
    import jinja2


def page_text(report: CompileReport) -> str:
    """HTML that needs no other file and no network; its script only adds details on pointing."""
    program = report.program
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            program=program,
            run=report.run,
            clock=megahertz(report.board.clock_hz),
            time=None if report.run is None else duration(report.run.time_us),
            maps=region_maps(program, dict(report.sizes.capacity_bytes)),
            layers=layer_rows(report),
            bars=size_bars(report),
            graph=program_graph(program),
            picture_height=PICTURE_HEIGHT,
            left_margin=LEFT_MARGIN,
            box_width=BOX_WIDTH,
            box_height=BOX_HEIGHT,
            style=_resource("page.css"),
            script=_resource("page.js"),
        )
    )


def write_page(report: CompileReport, path: Path) -> None:
    """Write the page; it appears complete. Raises UsageError where it cannot be written."""
    staging = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            staging.write_text(page_text(report), encoding="utf-8")
            staging.replace(path)
        finally:
            staging.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error


def _resource(name: str) -> str:
    return resources.files("utvm.report.html").joinpath(name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,  # names of tensors and layers may hold anything
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
