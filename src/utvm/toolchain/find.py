"""Choose the compiler for a board: its own gcc where installed, else the one that pip brought along."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import shutil
import sys
from typing import Literal

from utvm.boards import Board
from utvm.errors import ToolchainError, UsageError
from utvm.toolchain.compiler import CODE_FLAGS, FREESTANDING_FLAGS, Compiler
from utvm.toolchain.process import run_tool

GCC_PREFIX_VARIABLE = "UTVM_GCC_PREFIX"
"""Environment variable that replaces the board file's gcc_prefix, e.g. /opt/gcc-arm/bin/arm-none-eabi-."""

# Without these zig keeps unwind tables in flash, takes a register and two instructions of every function for a frame
# pointer, traps on harmless arithmetic, and calls its own assembler flags unused when it preprocesses assembly.
ZIG_FLAGS = (
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-fno-exceptions",
    "-fomit-frame-pointer",
    "-fno-sanitize=all",
    "-Wno-unused-command-line-argument",
)


def find_compiler(board: Board, prefer: Literal["auto", "gcc", "zig"] = "auto") -> Compiler:
    """The compiler that builds for the board: gcc when found, else zig; or the preferred one.

    Raises ToolchainError saying what to install.
    """
    if prefer not in ("auto", "gcc", "zig"):
        raise UsageError(f"no compiler is called {prefer!r}; choose auto, gcc or zig")
    compiler = None
    if prefer in ("auto", "gcc"):
        compiler = _find_gcc(board)
    if compiler is None and prefer in ("auto", "zig"):
        compiler = _find_zig(board)
    if compiler is None:
        wanted = {"gcc": [gcc_name(board)], "zig": ["ziglang"]}.get(prefer, [gcc_name(board), "ziglang"])
        raise ToolchainError(
            f"no compiler for {board.name}: {' nor '.join(wanted)} not found; run `pip install ziglang`, "
            f"or install {gcc_name(board)} and name it in {GCC_PREFIX_VARIABLE} if it is not on the PATH"
        )
    return compiler


def gcc_name(board: Board) -> str:
    """Name or path of the gcc that is looked for."""
    if board.core.name == "host":  # the variable names a cross compiler
        return board.toolchain.gcc_prefix + "gcc"
    return (os.environ.get(GCC_PREFIX_VARIABLE) or board.toolchain.gcc_prefix) + "gcc"


def zig_command() -> tuple[str, ...] | None:
    """Start of a zig command line, or None if the ziglang wheel is not installed."""
    if importlib.util.find_spec("ziglang") is None:
        return None
    return (sys.executable, "-m", "ziglang")


def zig_version() -> str:
    """Version of the installed ziglang wheel."""
    return f"zig {importlib.metadata.version('ziglang')}"


@functools.cache
def first_line_of_version(path: str) -> str:
    """First line that `path --version` prints; asked once per process. Raises ToolchainError."""
    text = run_tool([path, "--version"], f"ask {path} for its version", with_messages=True).strip()
    return text.splitlines()[0].strip() if text else "unknown version"


def _find_gcc(board: Board) -> Compiler | None:
    path = shutil.which(gcc_name(board))
    if path is None:
        return None
    flags = board.toolchain.gcc_flags
    return Compiler(
        kind="gcc",
        version=first_line_of_version(path),
        command=(path,),
        flags=(*flags, *CODE_FLAGS, *FREESTANDING_FLAGS),
        link_flags=(*flags, "-nostdlib", "-Wl,--gc-sections"),
        libraries=("-lgcc",),
    )


def _find_zig(board: Board) -> Compiler | None:
    command = zig_command()
    if command is None:
        return None
    target = ("-target", board.toolchain.zig_target, f"-mcpu={board.toolchain.zig_cpu}")
    # No -nostdlib: it would drop compiler-rt, zig's libgcc. An optimisation level also chooses compiler-rt's.
    return Compiler(
        kind="zig",
        version=zig_version(),
        command=(*command, "cc"),
        flags=(*target, *CODE_FLAGS, *FREESTANDING_FLAGS, *ZIG_FLAGS),
        link_flags=(*target, "-O2", "-Wl,--gc-sections", "-Wl,--entry=Reset"),
    )
