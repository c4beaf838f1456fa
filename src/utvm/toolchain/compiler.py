"""A C compiler with the flags of one board or of the host: compile to objects, link to an image."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from utvm.errors import ToolchainError
from utvm.toolchain.cache import ObjectCache, content_key
from utvm.toolchain.process import run_tool

WARNING_FLAGS = ("-Wall", "-Wextra", "-Werror")
"""For every C file of ours, written or generated."""

FOREIGN_FLAGS = ("-w",)
"""For files of somebody else, whose warnings are no affair of ours."""

CODE_FLAGS = ("-std=c99", "-O2", "-g", "-ffunction-sections", "-fdata-sections", "-fno-common", "-ffp-contract=off")
"""Code generation. Contraction is off so that float results do not depend on the compiler."""

FREESTANDING_FLAGS = ("-ffreestanding", "-fno-stack-protector")


@dataclass(frozen=True)
class CompileJob:
    """One source file and the object file to make of it. Without `cached`, for a source that nobody compiles twice,
    the cache is left alone."""

    source: Path
    output: Path
    include_dirs: tuple[Path, ...] = ()
    extra_flags: tuple[str, ...] = ()
    cached: bool = True


@dataclass(frozen=True)
class Compiler:
    """A compiler driver. `command` starts every call; `flags` are for compilation, `link_flags` for linking."""

    kind: Literal["gcc", "zig", "native"]
    version: str
    command: tuple[str, ...]
    flags: tuple[str, ...]
    link_flags: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()

    def compile(
        self,
        source: Path,
        output: Path,
        include_dirs: Sequence[Path] = (),
        extra_flags: Sequence[str] = (),
        cache: ObjectCache | None = None,
        *,
        cached: bool = True,
    ) -> Path:
        """Compile a C or assembly source to the object file `output` and return it.

        The object is the same whatever the directory it was built in. It comes from the cache if the preprocessed
        source, the flags and the compiler are those of an earlier compilation; not if `cached` is false, which saves
        the preprocessing. Raises ToolchainError.
        """
        source, output = source.resolve(), output.resolve()
        if not source.is_file():
            raise ToolchainError(f"{source}: there is no such source file")
        directories = [directory.resolve() for directory in include_dirs]
        cache = cache or ObjectCache()
        flags = (*self.flags, *extra_flags)
        # Of several maps that fit, compilers apply the last: the longest directory has to win.
        hidden = sorted({str(path) for path in (source.parent, *directories)}, key=len)
        maps = [f"-ffile-prefix-map={directory}=." for directory in hidden]
        command = [*self.command, *flags, *(f"-I{directory}" for directory in directories), *maps]
        what = f"compile {source.name}"
        if not cached:
            run_tool([*command, "-c", source.name, "-o", str(output)], what, cwd=source.parent)
            return output

        # zig's options for its assembler stay unused where assembly is only preprocessed.
        unused = ["-Wno-unused-command-line-argument"] if self.kind == "zig" and source.suffix == ".S" else []
        preprocessed = run_tool([*command, *unused, "-E", source.name], what, cwd=source.parent)
        for directory in reversed(hidden):
            preprocessed = preprocessed.replace(directory, ".")
        key = content_key("object", self.kind, self.version, *self.command, *flags, source.name, preprocessed)
        if cache.fetch(key, output):
            return output
        with tempfile.TemporaryDirectory(dir=output.parent, prefix=".compile-") as scratch:
            made = Path(scratch) / output.name
            run_tool([*command, "-c", source.name, "-o", str(made)], what, cwd=source.parent)
            cache.store(key, made)
            made.replace(output)
        return output

    def compile_all(self, jobs: Sequence[CompileJob], cache: ObjectCache | None = None) -> list[Path]:
        """Compile several sources side by side; the objects come in the order of the jobs. Raises ToolchainError."""
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            futures = [
                pool.submit(
                    self.compile, job.source, job.output, job.include_dirs, job.extra_flags, cache, cached=job.cached
                )
                for job in jobs
            ]
            try:
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()

    def link(
        self,
        objects: Sequence[Path],
        output: Path,
        linker_script: Path | None = None,
        map_file: Path | None = None,
        extra_flags: Sequence[str] = (),
    ) -> Path:
        """Link objects to the executable `output` and return it; `map_file` gets the linker's map.

        Raises ToolchainError.
        """
        command = [*self.command, *self.link_flags, *extra_flags]
        if linker_script is not None:
            command += ["-T", str(linker_script)]
        if map_file is not None:
            command.append("-Wl,--print-map")
        command += [*(str(path) for path in objects), *self.libraries, "-o", str(output)]
        text = run_tool(command, f"link {output.name}")
        if map_file is not None:
            map_file.write_text(text, encoding="utf-8")
        return output
