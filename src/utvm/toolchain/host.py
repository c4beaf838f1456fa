"""The host's own C compiler: for generated C under test, and for native helpers of the virtual board."""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from utvm.errors import ToolchainError, UsageError
from utvm.toolchain.compiler import CODE_FLAGS, WARNING_FLAGS, CompileJob, Compiler
from utvm.toolchain.find import first_line_of_version, zig_command, zig_version

_NATIVE_NAMES = ("cc", "gcc", "clang")
_PROBE = "int main(void) { return 0; }\n"

Sanitizer = Literal["address", "undefined"]
SANITIZERS: tuple[Sanitizer, ...] = ("address", "undefined")


def find_host_compiler(prefer: Literal["auto", "native", "zig"] = "auto") -> Compiler:
    """A compiler that builds for this machine: cc, gcc or clang when one works, else zig; or the preferred one.

    Raises ToolchainError saying what to install.
    """
    if prefer not in ("auto", "native", "zig"):
        raise UsageError(f"no host compiler is called {prefer!r}; choose auto, native or zig")
    if prefer in ("auto", "native"):
        for name in _NATIVE_NAMES:
            path = shutil.which(name)
            if path is not None and runs_programs((path,)):
                return Compiler("native", first_line_of_version(path), (path,), (*CODE_FLAGS, "-fPIC"))
    command = zig_command()
    if prefer in ("auto", "zig") and command is not None:
        flags = (*CODE_FLAGS, "-fPIC", "-fno-sanitize=all")
        return Compiler("zig", zig_version(), (*command, "cc"), flags, ("-O2",))
    wanted = {"native": _NATIVE_NAMES, "zig": ("ziglang",)}.get(prefer, (*_NATIVE_NAMES, "ziglang"))
    raise ToolchainError(
        f"no C compiler for this machine: none of {', '.join(wanted)} works; run `pip install ziglang`, or install gcc"
    )


@functools.cache
def runs_programs(command: tuple[str, ...], flags: tuple[str, ...] = ()) -> bool:
    """Whether the compiler, with those flags, makes programs that this machine runs. Tried once per process."""
    with tempfile.TemporaryDirectory(prefix="utvm-probe-") as folder:
        source = Path(folder) / "probe.c"
        program = Path(folder) / "probe"
        source.write_text(_PROBE, encoding="utf-8")
        try:
            build = [*command, *flags, str(source), "-o", str(program)]
            if subprocess.run(build, capture_output=True, timeout=120, check=False).returncode != 0:
                return False
            return subprocess.run([str(program)], capture_output=True, timeout=60, check=False).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False


def supported_sanitizers(compiler: Compiler) -> tuple[Sanitizer, ...]:
    """The sanitizers with which the compiler makes programs that run here. zig's leave them out when they optimise."""
    if compiler.kind == "zig":
        return ()
    return tuple(name for name in SANITIZERS if runs_programs(compiler.command, (f"-fsanitize={name}",)))


def build_executable(
    compiler: Compiler,
    sources: Sequence[Path],
    output: Path,
    include_dirs: Sequence[Path] = (),
    extra_flags: Sequence[str] = (),
    sanitizers: Sequence[Sanitizer] = (),
) -> Path:
    """Build C sources into a program of this machine and return `output`. Raises ToolchainError.

    With sanitizers, the program ends with a message and a status other than 0 at the first error.
    """
    return _build(compiler, sources, output, include_dirs, (*extra_flags, *_sanitizer_flags(sanitizers)))


def build_shared_library(
    compiler: Compiler,
    sources: Sequence[Path],
    output: Path,
    include_dirs: Sequence[Path] = (),
    extra_flags: Sequence[str] = (),
) -> Path:
    """Build C sources into a library that ctypes loads and return `output`. Raises ToolchainError."""
    return _build(compiler, sources, output, include_dirs, tuple(extra_flags), ("-shared",))


def _sanitizer_flags(sanitizers: Sequence[Sanitizer]) -> tuple[str, ...]:
    if not sanitizers:
        return ()
    return (f"-fsanitize={','.join(sanitizers)}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")


def _build(
    compiler: Compiler,
    sources: Sequence[Path],
    output: Path,
    include_dirs: Sequence[Path],
    flags: tuple[str, ...],
    link_flags: tuple[str, ...] = (),
) -> Path:
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".build-") as folder:
        jobs = [
            CompileJob(source, Path(folder) / f"{index}_{source.stem}.o", tuple(include_dirs), (*WARNING_FLAGS, *flags))
            for index, source in enumerate(sources)
        ]
        return compiler.link(compiler.compile_all(jobs), output, extra_flags=(*flags, *link_flags))
