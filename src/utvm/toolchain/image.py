"""Build a standalone image: a model's sources and the device runtime, linked for one board."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from utvm.boards import Board
from utvm.errors import ToolchainError
from utvm.toolchain.compiler import FOREIGN_FLAGS, WARNING_FLAGS, CompileJob, Compiler
from utvm.toolchain.elf import Elf, read_elf
from utvm.toolchain.linker_script import linker_script
from utvm.toolchain.overflow import overflow_error

RUNTIME_FLAGS = (*WARNING_FLAGS, "-Wconversion", "-Wpedantic", "-Wmissing-prototypes")


@dataclass(frozen=True)
class ImageSizes:
    """Bytes of an image by kind. Flash holds text, constants and the initial values of data."""

    text_bytes: int
    constants_bytes: int
    data_bytes: int
    bss_bytes: int
    stack_bytes: int
    arena_bytes: dict[str, int]
    """Per memory region that the arena uses."""
    state_bytes: dict[str, int] = field(default_factory=dict)
    """What the model keeps from run to run, per region; no part of the arenas."""

    @property
    def flash_bytes(self) -> int:
        """Bytes stored in flash, on a board whose code and constants lie there."""
        return self.text_bytes + self.constants_bytes + self.data_bytes

    @property
    def ram_bytes(self) -> int:
        """Bytes taken in RAM, the whole reserved stack included."""
        placed = sum(self.arena_bytes.values()) + sum(self.state_bytes.values())
        return self.data_bytes + self.bss_bytes + self.stack_bytes + placed


@dataclass(frozen=True)
class Image:
    """A linked image."""

    path: Path
    elf: Elf
    sizes: ImageSizes


def build_image(
    board: Board,
    compiler: Compiler,
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    build_dir: Path,
    defines: Sequence[str] = (),
    foreign: Mapping[str, Sequence[str]] | None = None,
) -> Image:
    """Compile the sources with the standalone runtime and link them to `build_dir`/image.elf.

    The sources provide `utvm_model_run`. `defines` are NAME or NAME=VALUE. `foreign` has further flags for those
    sources, by file name, that are not ours. Raises ToolchainError, or OutOfMemoryError naming region and shortage.
    """
    try:
        objects = _compile_all(board, compiler, sources, include_dirs, build_dir, defines, foreign or {})
    except OSError as error:
        raise _cannot_build(build_dir, error) from error
    return link_image(board, compiler, objects, build_dir)


def link_image(board: Board, compiler: Compiler, objects: Sequence[Path], build_dir: Path) -> Image:
    """Link objects, the runtime's among them, to `build_dir`/image.elf. Raises what `build_image` raises."""
    try:
        script = build_dir / "linker.ld"
        script.write_text(linker_script(board), encoding="utf-8")
        output = build_dir / "image.elf"
        try:
            compiler.link(objects, output, script, build_dir / "image.map")
        except ToolchainError as error:
            overflow = overflow_error(board, objects, error.output)
            if overflow is None:
                raise
            raise overflow from error
    except OSError as error:
        raise _cannot_build(build_dir, error) from error
    elf = read_elf(output, bits=8 * board.hosted.word_size_bytes)
    return Image(output, elf, _sizes(board, elf))


def _cannot_build(build_dir: Path, error: OSError) -> ToolchainError:
    return ToolchainError(f"cannot build an image in {build_dir}: {error}")


def runtime_objects(board: Board, compiler: Compiler, build_dir: Path) -> list[Path]:
    """The standalone runtime compiled to `build_dir`, the same for every image of the board. Raises ToolchainError."""
    build_dir.mkdir(parents=True, exist_ok=True)
    with resources.as_file(resources.files("utvm") / "runtime") as runtime:
        return compiler.compile_all(_runtime_jobs(board, runtime, build_dir))


def fresh_objects(
    compiler: Compiler,
    sources: Sequence[Path],
    build_dir: Path,
    flags: Sequence[str],
    foreign: Mapping[str, Sequence[str]],
) -> list[Path]:
    """Generated sources, with the runtime's headers and those beside them, that nobody compiles twice: past the cache.

    Those that `foreign` has flags for, by file name, are not ours, and the same each time. Raises ToolchainError.
    """
    with resources.as_file(resources.files("utvm") / "runtime" / "include") as include:
        jobs = [
            CompileJob(
                path,
                build_dir / f"{path.name}.o",
                (include,),
                (*_own_flags(path, foreign), *flags),
                cached=path.name in foreign,
            )
            for path in sources
        ]
        return compiler.compile_all(jobs)


def _own_flags(path: Path, foreign: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    return (*FOREIGN_FLAGS, *foreign[path.name]) if path.name in foreign else WARNING_FLAGS


def _compile_all(
    board: Board,
    compiler: Compiler,
    sources: Sequence[Path],
    include_dirs: Sequence[Path],
    build_dir: Path,
    defines: Sequence[str],
    foreign: Mapping[str, Sequence[str]],
) -> list[Path]:
    build_dir.mkdir(parents=True, exist_ok=True)
    defined = [f"-D{define}" for define in defines]
    with resources.as_file(resources.files("utvm") / "runtime") as runtime:
        jobs = _runtime_jobs(board, runtime, build_dir)
        jobs += [
            CompileJob(
                path,
                build_dir / f"{index}_{path.stem}.o",
                (*include_dirs, runtime / "include"),
                (*_own_flags(path, foreign), *defined),
            )
            for index, path in enumerate(sources)
        ]
        return compiler.compile_all(jobs)


def _runtime_jobs(board: Board, runtime: Path, build_dir: Path) -> list[CompileJob]:
    return [
        CompileJob(path, build_dir / f"runtime_{path.stem}.o", (runtime / "include",), RUNTIME_FLAGS)
        for path in standalone_sources(board, runtime)
    ]


_CORE_SOURCES = {
    "cortex": ("arm_m/startup.c", "arm_m/fault.c"),
    "rv32": ("rv32/startup.c", "rv32/session_core.c"),
    "host": ("host/startup.c", "host/session_core.c"),
}
_COUNTERS = {
    "dwt": "arm_m/cycles_dwt.c",
    "systick": "arm_m/cycles_systick.c",
    "mcycle": "rv32/cycles_mcycle.c",
    "clock": "host/cycles_clock.c",
}
_COMMON_SOURCES = ("common/standalone.c", "common/profile.c", "common/defaults.c", "common/memory.c")


def standalone_sources(board: Board, runtime: Path) -> list[Path]:
    """C files of the runtime that a standalone image for the board needs."""
    core = next(files for start, files in _CORE_SOURCES.items() if board.core.name.startswith(start))
    return [runtime / name for name in (*core, _COUNTERS[board.core.cycle_counter], *_COMMON_SOURCES)]


def _sizes(board: Board, elf: Elf) -> ImageSizes:
    def by_region(prefix: str) -> dict[str, int]:
        sizes = {region.name: elf.section(prefix + region.name).size_bytes for region in board.regions}
        return {name: size for name, size in sizes.items() if size > 0}

    return ImageSizes(
        text_bytes=elf.section(".utvm_boot").size_bytes + elf.section(".text").size_bytes,
        constants_bytes=elf.section(".rodata").size_bytes,
        data_bytes=elf.section(".data").size_bytes,
        bss_bytes=elf.section(".bss").size_bytes,
        stack_bytes=elf.section(".utvm_stack").size_bytes,
        arena_bytes=by_region(".utvm_arena."),
        state_bytes=by_region(".utvm_state."),
    )
