"""A bare-metal project for CMake: library, start-up code, linker script, and a main that runs a stored input."""

from __future__ import annotations

from utvm.errors import UsageError
from utvm.export.board_files import board_files
from utvm.export.request import ExportRequest
from utvm.export.sample import sample_files
from utvm.export.templating import render
from utvm.toolchain.find import ZIG_FLAGS

_AT_THE_TOP = ("CMakeLists.txt", "CMakePresets.json", "main.c", "README.md")
_OF_THE_BOARD = ("gcc.cmake", "zig.cmake", "entry.c", "print.c", "print.h")


def files(request: ExportRequest) -> dict[str, str | bytes]:
    """All of a project that builds as it is. Raises UsageError for this computer, which is no board."""
    if request.board.core.name == "host":
        raise UsageError("--format cmake makes firmware; for a program of this computer use --format c")
    runtime = board_files(request.board)
    sources = sorted(name for name in (*runtime, *_OF_THE_BOARD) if name.endswith((".c", ".S")))
    more = {
        "board_sources": sources,
        "zig_flags": ZIG_FLAGS,
        "expected": request.sample.outputs is not None,
    }
    made: dict[str, str | bytes] = {name: render(f"cmake/{name}", request, **more) for name in _AT_THE_TOP}
    made |= {f"board/{name}": render(f"cmake/{name}", request, **more) for name in _OF_THE_BOARD}
    made |= {f"board/{name}": text for name, text in runtime.items()}
    made |= {f"model/{name}": text for name, text in request.library.files.items()}
    return made | sample_files(request)
