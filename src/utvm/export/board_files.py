"""Start-up code, counters and linker script of a board, as files of a project."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from utvm.boards import Board
from utvm.toolchain.image import standalone_sources
from utvm.toolchain.linker_script import linker_script

# The project has its own main, which runs the model and measures it.
_REPLACED = frozenset({"standalone.c", "profile.c", "defaults.c"})
_INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def board_files(board: Board) -> dict[str, str]:
    """File name to text: the runtime's sources for the board, the headers they include, and linker.ld."""
    files = {"linker.ld": linker_script(board)}
    with resources.as_file(resources.files("utvm") / "runtime") as runtime:
        pending = [path for path in standalone_sources(board, runtime) if path.name not in _REPLACED]
        pending += [runtime / "include" / "utvm_standalone.h", runtime / "include" / "utvm_cycles.h"]
        while pending:
            path = pending.pop()
            if path.name not in files:
                files[path.name] = path.read_text(encoding="utf-8")
                pending += [_found(name, path.parent, runtime) for name in _INCLUDE.findall(files[path.name])]
    return dict(sorted(files.items()))


def _found(name: str, beside: Path, runtime: Path) -> Path:
    """Where the compiler finds an include."""
    return next(path for path in (beside / name, runtime / "include" / name) if path.is_file())
