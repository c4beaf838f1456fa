"""Templates of this room, filled with the real names."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

from utvm.codegen.library_files import library_sources
from utvm.export.header import arena_parameters
from utvm.export.request import ExportRequest
from utvm.toolchain.linker_script import ARENA_ALIGNMENT_BYTES

if TYPE_CHECKING:
    import jinja2


def render(name: str, request: ExportRequest, **more: object) -> str:
    """The text of templates/`name`.j2 for an export; a name that is not defined is an error."""
    return _environment().get_template(f"{name}.j2").render(context(request) | more)


def context(request: ExportRequest) -> dict[str, Any]:
    """What every template may name."""
    library = request.library
    program, options = library.program, library.options
    return {
        "prefix": options.prefix,
        "macro": options.macro,
        "program": program,
        "board": request.board,
        "library": library,
        "inputs": library.interface.inputs,
        "outputs": library.interface.outputs,
        "regions": list(program.arenas),
        "arenas": dict(program.arenas),
        "given": arena_parameters(program, options),
        "alignment": ARENA_ALIGNMENT_BYTES,
        "sections": dict(options.sections),
        "version": program.provenance["utvm"],
        "foreign_sources": library_sources(program, f"{options.prefix}_"),
        "sha256": program.provenance["model_sha256"],
    }


def _environment() -> jinja2.Environment:
    import jinja2

    def load(name: str) -> str | None:
        resource = resources.files("utvm.export").joinpath("templates", *name.split("/"))
        return resource.read_text(encoding="utf-8") if resource.is_file() else None

    return jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
