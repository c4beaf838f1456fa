"""The device runtime of a session: compiled for RAM, linked at its place, kept in the cache as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from utvm.boards import Board
from utvm.session.memory import Block, DeviceMemory, Hole, code_regions
from utvm.session.objects import KINDS
from utvm.session.placed_script import placed_script
from utvm.session.sections import Sections
from utvm.session.target import Target, runtime_sources, target_of
from utvm.toolchain import CompileJob, Compiler, Elf, read_elf
from utvm.toolchain.cache import ObjectCache, content_key
from utvm.toolchain.image import RUNTIME_FLAGS

ENTRY, MAIN, DONE, FAULT = "Reset", "utvm_start", "UTVMDone", "UTVMFault"
FAULT_RECORD, CANARIES = "utvm_fault", "utvm_canaries"

HELPERS = (
    "utvm_workspace_alloc",
    "utvm_workspace_free",
    "utvm_error",
    "utvm_cycles_now",
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
)
"""Functions of the runtime that modules may call; utvm_session.h declares them."""


@dataclass(frozen=True)
class RuntimeSizes:
    """Bytes of the resident runtime; text includes the vector table."""

    text_bytes: int
    rodata_bytes: int
    data_bytes: int
    bss_bytes: int


@dataclass(frozen=True)
class Resident:
    """The linked runtime. `helpers` are what modules may use, functions with their Thumb bit."""

    elf: Elf
    helpers: dict[str, int]
    blocks: tuple[Block, ...]
    sizes: RuntimeSizes

    def addr(self, name: str) -> int:
        """Address of one of its symbols, without Thumb bit."""
        return self.elf.symbol(name).addr


def build_resident(
    board: Board, compiler: Compiler, memory: DeviceMemory, sections: Sections, build_dir: Path
) -> Resident:
    """Compile and link the runtime (or fetch it from the cache), and take its memory."""
    target = target_of(board)
    holes = _holes(board, memory)
    roots = [ENTRY, MAIN, DONE, FAULT, FAULT_RECORD, CANARIES, *HELPERS, *target.division_hooks]
    script = placed_script(holes, sections.symbols(), roots, with_vectors=target.has_vectors)
    with resources.as_file(resources.files("utvm") / "runtime") as runtime:
        path = _linked(board, target, compiler, runtime, script, build_dir)
    elf = read_elf(path, bits=8 * target.word_bytes)
    blocks = []
    for kind in KINDS:
        start = elf.section(".vectors").addr if kind == "text" and target.has_vectors else elf.section(f".{kind}").addr
        section = elf.section(f".{kind}")
        size = section.addr + section.size_bytes - start
        if size:
            blocks.append(memory.take(start, size, holes[kind].region, kind, f"runtime {kind}"))
    helpers = {name: elf.symbol(name).addr | target.thumb_bit for name in (*HELPERS, *target.division_hooks)}
    return Resident(
        elf,
        helpers,
        tuple(blocks),
        RuntimeSizes(
            text_bytes=elf.section(".vectors").size_bytes + elf.section(".text").size_bytes,
            rodata_bytes=elf.section(".rodata").size_bytes,
            data_bytes=elf.section(".data").size_bytes,
            bss_bytes=elf.section(".bss").size_bytes,
        ),
    )


def _holes(board: Board, memory: DeviceMemory) -> dict[str, Hole]:
    """Code at the start of the first region for code, data beside the queue."""
    code = memory.holes(code_regions(board))
    data = memory.holes(list(dict.fromkeys([board.placement.data, *board.placement.arena])))
    if not code or not data:
        raise memory.shortage("the device runtime", 0, code_regions(board))
    return {"text": code[0], "rodata": code[0], "data": data[0], "bss": data[0]}


def _linked(board: Board, target: Target, compiler: Compiler, runtime: Path, script: str, build_dir: Path) -> Path:
    sources = runtime_sources(board, runtime)
    output = build_dir / "runtime.elf"
    include, folder = runtime / "include", sources[-1].parent
    files = [*sources, *sorted(include.glob("*.h")), *sorted(folder.glob("*.h"))]
    texts = [path.read_text(encoding="utf-8") for path in files]
    command = (*compiler.command, *compiler.flags, *compiler.link_flags, *compiler.libraries)
    flags = (*target.compile_flags, *target.link_flags, *RUNTIME_FLAGS)
    key = content_key("resident", compiler.version, *command, *flags, script, board.hosted.startup or "", *texts)
    cache = ObjectCache()
    if cache.fetch(key, output):
        return output
    if board.hosted.startup is not None:
        snippet = build_dir / "startup.S"
        snippet.write_text(board.hosted.startup, encoding="utf-8")
        sources.append(snippet)
    jobs = [
        CompileJob(
            path,
            build_dir / f"runtime_{path.stem}.o",
            (include, folder),
            (*target.compile_flags, *(RUNTIME_FLAGS if path.suffix == ".c" else ())),
        )
        for path in sources
    ]
    objects = compiler.compile_all(jobs)
    script_path = build_dir / "runtime.ld"
    script_path.write_text(script, encoding="utf-8")
    compiler.link(objects, output, script_path, extra_flags=target.link_flags)
    cache.store(key, output)
    return output
