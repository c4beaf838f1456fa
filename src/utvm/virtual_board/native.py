"""Build the native part of the virtual board once per machine, and load it.

The library is cached under the hash of its sources, its compiler and Unicorn's version, so an update of any of them
builds a new one. A C compiler of the host is taken if there is one, else the `ziglang` wheel.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from utvm.errors import VirtualBoardError

SOURCES = Path(__file__).parent / "native"
TIMING_HEADERS = (
    "timing_cache.h",
    "timing_decode.h",
    "timing_m7.h",
    "timing_memory.h",
    "timing_model.h",
    "timing_profile.h",
    "timing_rules.h",
)
TIMING_UNITS = (
    "timing_block.c",
    "timing_branch.c",
    "timing_cache.c",
    "timing_decode.c",
    "timing_decode16.c",
    "timing_decode32.c",
    "timing_decode_fp.c",
    "timing_decode_memory.c",
    "timing_m0.c",
    "timing_m33.c",
    "timing_m4.c",
    "timing_m7.c",
    "timing_m7_traits.c",
    "timing_memory.c",
    "timing_model.c",
    "timing_path.c",
    "timing_profile.c",
    "timing_rules.c",
)
HEADERS = ("core.h", "jtag.h", *TIMING_HEADERS)
UNITS = (
    "core.c",
    "counter.c",
    "decode.c",
    "protection.c",
    "run.c",
    "traps.c",
    "jtag_dap.c",
    "jtag_server.c",
    "jtag_tap.c",
    *TIMING_UNITS,
)
FLAGS = ("-std=c11", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")


@dataclass(frozen=True)
class HostCompiler:
    """A C compiler for this machine: the command that starts it, and what tells its versions apart."""

    command: tuple[str, ...]
    identity: str


def host_compilers() -> list[HostCompiler]:
    """The host's C compilers in order of preference; `python -m ziglang cc` is last."""
    found = []
    for name in ("cc", "gcc", "clang"):
        path = shutil.which(name)
        if path:
            real = Path(path).resolve()
            status = real.stat()
            found.append(HostCompiler((path,), f"{real} {status.st_size} {status.st_mtime_ns}"))
    if importlib.util.find_spec("ziglang") is not None:
        from importlib.metadata import version

        found.append(HostCompiler((sys.executable, "-m", "ziglang", "cc"), f"ziglang {version('ziglang')}"))
    return found


def cache_directory() -> Path:
    """Where built libraries are kept: $XDG_CACHE_HOME/utvm or ~/.cache/utvm."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "utvm"


def load_native(unicorn_version: str) -> ctypes.CDLL:
    """The native library, built if need be. VirtualBoardError if no compiler can build it."""
    compilers = host_compilers()
    if not compilers:
        raise VirtualBoardError(
            "the virtual board needs a C compiler once, to build its counter: "
            "install the `ziglang` package or a C compiler"
        )
    failures = []
    for compiler in compilers:
        path = library_path(compiler, unicorn_version)
        try:
            if not path.exists():
                build(compiler, path)
            return ctypes.CDLL(str(path))
        except (OSError, VirtualBoardError) as error:
            failures.append(f"{' '.join(compiler.command)}: {error}")
    raise VirtualBoardError(
        "the virtual board's native part could not be built; "
        "check that the C compiler works and the cache directory is writable:\n" + "\n".join(failures)
    )


def library_path(compiler: HostCompiler, unicorn_version: str) -> Path:
    """The cached library's path for these sources, this compiler and this version of Unicorn."""
    key = hashlib.sha256()
    for path in sorted([*SOURCES.glob("*.h"), *SOURCES.glob("*.c")]):
        key.update(path.name.encode() + b"\0" + path.read_bytes())
    key.update(f"{compiler.identity}\0{unicorn_version}\0{' '.join(FLAGS)}\0{sys.platform}".encode())
    return cache_directory() / "native" / f"virtual-board-{key.hexdigest()[:20]}.so"


def build(compiler: HostCompiler, path: Path) -> None:
    """Compile the sources into `path`; concurrent builds may race, the last rename wins with the same content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        output = Path(scratch) / path.name
        sources = [str(unit) for unit in sorted(SOURCES.glob("*.c"))]
        done = subprocess.run(
            [*compiler.command, *FLAGS, "-o", str(output), *sources], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise VirtualBoardError(f"exit status {done.returncode}\n{done.stderr.strip()}")
        output.replace(path)
