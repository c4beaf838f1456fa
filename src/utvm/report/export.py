"""What was exported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utvm.export import Library


def export_json(library: Library, format_name: str, folder: Path, files: Sequence[str]) -> dict[str, object]:
    """The JSON object of `utvm export`; sizes in bytes."""
    program = library.program
    return {
        "model": program.model,
        "model_sha256": program.provenance["model_sha256"],
        "utvm": program.provenance["utvm"],
        "board": program.board,
        "format": format_name,
        "folder": str(folder),
        "prefix": library.options.prefix,
        "arena": library.options.arena,
        "arena_bytes": dict(program.arenas),
        "state_bytes": program.state_bytes,
        "constants_bytes": program.constant_bytes,
        "files": sorted(files),
    }


def export_text(library: Library, format_name: str, folder: Path, files: Sequence[str]) -> list[str]:
    """What was written where, and what to do with it."""
    program = library.program
    arenas = ", ".join(f"{size:,} bytes of {region}" for region, size in program.arenas.items())
    whose = "the application's" if library.options.arena == "caller" else "the library's own"
    state = f", {program.state_bytes:,} bytes of state" if program.states else ""
    lines = [
        f"{program.model} for {program.board} as {format_name}: {len(files)} files in {folder}",
        f"memory: {arenas or 'no arena'} ({whose}){state}, {program.constant_bytes:,} bytes of constants",
    ]
    if "README.md" in files:
        lines.append(f"how to use it: {folder / 'README.md'}")
    return lines
